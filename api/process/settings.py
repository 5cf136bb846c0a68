"""Settings: environment variables with the prefix FOLIO_, each with its unit, bounds and default."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from repositories.postgres.pools import PoolOptions
from repositories.purchases import LEASE_SECONDS
from repositories.schema.databases import DATABASES

Network = IPv4Network | IPv6Network

MAX_REQUEST_SECONDS = LEASE_SECONDS - 1
"""A request that outlived the lease of its purchase would race with the job that finishes abandoned purchases."""
_IPV4_MAPPED = IPv6Network("::ffff:0:0/96")
_AUTHORITY = re.compile(r"postgres(?:ql)?://(?:[^@/]*@)?[^@?]*(?:\?.*)?", re.DOTALL)
"""A URL in which an unescaped @ or / of a password has not moved a part of it into the host or the database's name."""
MALFORMED = (
    "is not well formed: postgresql://user:password@host:port/name; write @ as %40, : as %3A and / as %2F in a password"
)


SAME_DATABASE = (
    "FOLIO_MAIN_DATABASE_URL and FOLIO_CATALOG_DATABASE_URL name one database: create a second one, on the same server "
    "or on another"
)


class PoolSettings(BaseSettings):
    """FOLIO_POOL_*; FOLIO_MAIN_POOL_* and FOLIO_CATALOG_POOL_* override them for one database."""

    model_config = SettingsConfigDict(env_prefix="FOLIO_POOL_")

    min_size: PositiveInt = Field(default=2, description="connections kept open, per worker")
    # Measured on 2 cores with 32 clients: 4 connections served 1.7 times as many requests as 32 connections.
    max_size: PositiveInt = Field(default=4, description="most connections, per worker")
    timeout: PositiveFloat = Field(default=2.0, description="seconds that a request waits for a connection")
    max_waiting: PositiveInt = Field(default=500, description="requests that may wait for a connection, per worker")
    max_lifetime: PositiveFloat = Field(default=3600.0, description="seconds after which a connection is replaced")
    max_idle: PositiveFloat = Field(default=600.0, description="seconds after which an unused connection is closed")
    # Longer than the lock timeout: a request that waits for a lock until it fails is not overdue.
    soft_limit: PositiveFloat = Field(default=3.0, description="seconds after which a checked-out connection is logged")
    share_per_caller: float = Field(
        default=0.5, gt=0, le=1, description="part of the connections that one caller may have at once; 1: all"
    )


class Settings(BaseSettings):
    """FOLIO_*: every setting but those of the pools."""

    model_config = SettingsConfigDict(env_prefix="FOLIO_")

    main_database_url: str | None = Field(default=None, description="users, posts, accounts and the ledger")
    catalog_database_url: str | None = Field(default=None, description="products and their stock")
    main_standby_url: str | None = Field(default=None, description="a standby of main, from which audits read")
    data_dir: Path = Field(default=Path(".folio"), description="folder of the embedded PostgreSQL")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on")
    workers: PositiveInt = Field(default=1, description="processes that serve")
    migrate_on_start: bool = Field(default=False, description="apply pending migrations to databases of your own")
    start_timeout: PositiveFloat = Field(default=30.0, description="seconds that a command waits for the databases")
    request_timeout: PositiveFloat = Field(
        default=9.0, le=MAX_REQUEST_SECONDS, description="seconds within which a request is answered"
    )
    keep_alive: PositiveInt = Field(default=75, description="seconds that an idle connection stays open")
    max_body_size: PositiveInt = Field(default=1024 * 1024, description="most bytes of a request's body")
    drain_time: float = Field(
        default=2.0, ge=0, le=5, description="seconds after SIGTERM in which new requests are still accepted"
    )
    audit_interval: float = Field(default=3600.0, ge=0, description="seconds between scheduled audits; 0: none")
    sweep_interval: PositiveFloat = Field(
        default=1.0, description="seconds between two runs of the jobs that expire holds and finish purchases"
    )
    max_requests: PositiveInt = Field(default=2000, description="most requests in flight, per worker")
    requests_per_caller: int = Field(
        default=100, ge=0, description="most requests of one caller in flight, per worker; 0: no limit"
    )
    followers: PositiveInt = Field(default=1000, description="most requests that follow an account, per worker")
    followers_per_user: PositiveInt = Field(
        default=250, description="most requests of one user that follow an account, per worker"
    )
    max_searches: PositiveInt = Field(default=2, description="most searches by words at a time, per worker")
    accounts_per_user: PositiveInt = Field(default=1000, description="most accounts of a user, closed ones included")
    keys_per_user: PositiveInt = Field(default=100, description="most API keys of a user that are not revoked")
    posts_per_user: PositiveInt = Field(default=100_000, description="most posts of a user")
    products_per_user: PositiveInt = Field(default=100_000, description="most products of a user that are for sale")
    key_cache_seconds: float = Field(
        default=5.0, ge=0, le=10, description="seconds for which a worker takes a valid key without a look-up; 0: none"
    )
    gather: bool = Field(default=True, description="let transfers that wait for a connection share the next one")
    registrations_per_minute: int = Field(default=30, ge=0, description="registrations per address; 0: no limit")
    wrong_keys_per_minute: int = Field(default=60, ge=0, description="invalid API keys per address; 0: no limit")
    trusted_proxies: str = Field(default="", description="addresses or networks whose X-Forwarded-For is trusted")
    operator_key_file: Path | None = Field(
        default=None, description="file with an API key that the user `operator` is to have, for automation"
    )
    failpoint: str | None = Field(
        default=None, description="for tests only: the step at which the process kills itself"
    )
    log_format: Literal["console", "json"] = Field(default="console", description="format of the log lines")
    log_requests: bool = Field(default=True, description="log a line for each request")

    @field_validator("main_database_url", "catalog_database_url", "main_standby_url")
    @classmethod
    def _well_formed_or_unset(cls, url: str | None, _: ValidationInfo) -> str | None:
        if url:
            place(url)
        return url or None

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, text: str) -> str:
        networks(text)
        return text

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.main_database_url is None) != (self.catalog_database_url is None):
            raise ValueError(
                "FOLIO_MAIN_DATABASE_URL and FOLIO_CATALOG_DATABASE_URL go together: set both to use servers of your "
                "own (both databases may be on one server), or neither to use the embedded PostgreSQL"
            )
        if self.main_database_url and self.catalog_database_url:
            main, catalog = (
                place(url).rpartition("@")[2] for url in (self.main_database_url, self.catalog_database_url)
            )
            if main == catalog:
                raise ValueError(SAME_DATABASE)
        return self

    @property
    def embedded(self) -> bool:
        """True if Folio runs its own PostgreSQL."""
        return self.main_database_url is None

    def pool(self, database: str) -> PoolOptions:
        """Return the options of a database's pool. Raises ValueError if its minimum exceeds its maximum."""
        own = PoolSettings(_env_prefix=f"FOLIO_{database.upper()}_POOL_").model_dump(exclude_unset=True)
        options = PoolOptions(**PoolSettings().model_dump() | own)
        if options.min_size > options.max_size:
            raise ValueError(f"POOL_MIN_SIZE of {database} ({options.min_size}) exceeds its POOL_MAX_SIZE")
        return options


def place(url: str) -> str:
    """Return user, host, port and name of a database, without its password.

    Raises ValueError if libpq cannot parse the URL or would misread an unescaped password. The message quotes nothing:
    libpq's own would quote the password.
    """
    if "://" in url and not _AUTHORITY.fullmatch(url):
        raise ValueError(MALFORMED)
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ValueError(MALFORMED) from None
    user, host, port = (str(parts.get(name) or "") for name in ("user", "host", "port"))
    if not (port or "0").replace(",", "").isdecimal():
        raise ValueError(MALFORMED)
    return f"{user}@{bracketed(host)}:{port or 5432}/{parts.get('dbname') or user}"


def bracketed(host: str) -> str:
    """Return a host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and "," not in host else host


def networks(text: str) -> list[Network]:
    """Return the addresses and networks of a list with commas.

    An IPv4 network that is written as IPv6 (`::ffff:192.0.2.1`) is returned as IPv4. Raises ValueError for anything
    else, and for a network of all addresses: every client could choose the address by which it is counted.
    """
    found: list[Network] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        try:
            network = ip_network(entry)
        except ValueError as error:
            if str(error).endswith("has host bits set"):
                reason = f"has host bits set: the network is {ip_network(entry, strict=False)}"
            else:
                reason = "is neither an address nor a network, such as 192.0.2.1 or 10.0.0.0/8"
            raise ValueError(f"{entry} {reason}") from None
        if isinstance(network, IPv6Network) and network.subnet_of(_IPV4_MAPPED):
            network = IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
        if network.prefixlen == 0:
            raise ValueError(f"{entry} trusts every client; name the addresses of the proxies")
        found.append(network)
    return found


def complaints(error: ValidationError) -> list[str]:
    """Return a message for each wrong setting, with its name and without its value, which may be a secret."""
    prefix = "FOLIO_POOL" if error.title == PoolSettings.__name__ else "FOLIO"
    messages = []
    for item in error.errors():
        name = "_".join([prefix, *(str(part) for part in item["loc"])]).upper()
        message = item["msg"].removeprefix("Value error, ")
        messages.append(f"{name}: {message}" if item["loc"] else message)
    return messages


def strangers(names: Iterable[str]) -> list[str]:
    """Return the environment variables with the prefix FOLIO_ that are not settings: most likely typos."""
    prefixes = ("", *(f"{database}_" for database in DATABASES))
    pools = [f"{prefix}POOL_{name}" for prefix in prefixes for name in PoolSettings.model_fields]
    known = {f"FOLIO_{name}".upper() for name in [*Settings.model_fields, *pools]}
    # FOLIO_TEST_* are read by the tests.
    prefixed = {name for name in names if name.upper().startswith("FOLIO_") and not name.startswith("FOLIO_TEST_")}
    return sorted(name for name in prefixed if name.upper() not in known)
