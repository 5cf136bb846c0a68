"""A connection leads to the primary, or it is none; and a service follows a failover by itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api.process.service import service_of
from api.process.settings import Settings
from repositories.doctor import hosts
from repositories.postgres import connections
from repositories.schema.databases import DATABASES, embedded_name
from tests.faults.databases import settings_of
from tests.faults.trial import Trial
from tests.harness.expect import found, problem
from tests.harness.payments import order
from tests.harness.processes import command, service, until
from tests.harness.proxy import proxy
from tests.harness.servers import Embedded, migrated_databases
from tests.harness.world import Person, World

OPTIONS = {"max_connections": "60", "fsync": "off", "wal_receiver_status_interval": "1s"}
RETURN_SECONDS = 5.0
"""From the moment at which the primary can be reached to the first transfer."""


@dataclass
class Servers:
    """A primary and a synchronous standby, with both databases, and one person with two accounts."""

    primary: Embedded
    standby: Embedded

    def urls(self, *servers: Embedded) -> dict[str, str]:
        """Return a conninfo of each database that names these servers, in this order."""
        names = ",".join(str(conninfo_to_dict(server.conninfo)["host"]) for server in servers)
        return {
            database: make_conninfo(self.primary.conninfo, host=names, dbname=embedded_name(database))
            for database in DATABASES
        }

    def settings(self, *servers: Embedded) -> dict[str, str]:
        """Return the settings of a service on these servers."""
        return {f"FOLIO_{name.upper()}_DATABASE_URL": url for name, url in self.urls(*servers).items()}

    def promote(self) -> None:
        """Make the standby the primary, and return when it takes writes."""
        with psycopg.connect(self.standby.conninfo, autocommit=True) as administrator:
            assert administrator.execute("SELECT pg_promote(TRUE, 60)").fetchone() == (True,)

    async def payment(self) -> tuple[Person, dict[str, object]]:
        """Insert a person; return them and the body of a transfer."""
        async with await psycopg.AsyncConnection.connect(self.urls(self.primary)["main"], autocommit=True) as main:
            world = World(main)
            ada = await world.person(f"ada{id(main)}")
            return ada, order(await world.account(ada, minimum=None), await world.account(ada))


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    primary = await asyncio.to_thread(Embedded, OPTIONS)
    try:
        await migrated_databases(primary.conninfo)
        standby = await asyncio.to_thread(lambda: Embedded(OPTIONS, primary=primary))
        try:
            yield Servers(primary, standby)
        finally:
            standby.remove()
    finally:
        primary.remove()


@asynccontextmanager
async def served(
    application: FastAPI, settings: Settings, urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve these databases in this process; yield a client."""
    monkeypatch.setenv("FOLIO_POOL_TIMEOUT", "2")
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT", 3)
    updates = {f"{database}_database_url": url for database, url in urls.items()}
    service_of(application).settings = settings.model_copy(update=updates)
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://folio", timeout=60) as client:
            yield client


async def test_a_pool_keeps_no_connection_to_a_standby(
    servers: Servers, application: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the address leads to a standby, nothing is served from it; 5 s after it leads back, writes succeed."""
    ada, body = await servers.payment()
    async with proxy(servers.primary.conninfo) as between:
        urls = {name: make_conninfo(between.conninfo, dbname=embedded_name(name)) for name in DATABASES}
        async with served(application, settings, urls, monkeypatch) as client:
            found(await client.post("/transfers", json=body, headers=ada.paying()), 201)
            between.turn(servers.standby.conninfo)
            await between.stop()
            await between.start()
            for _ in range(2):
                problem(await client.post("/transfers", json=body, headers=ada.paying()), 503, "database_read_only")
                problem(await client.get("/users/me", headers=ada.headers), 503, "database_read_only")
            service_of(application).readiness._checked_at = float("-inf")
            assert "standby" in problem(await client.get("/readyz"), 503, "not_ready")["detail"]
            between.turn(servers.primary.conninfo)
            async with asyncio.timeout(RETURN_SECONDS):
                while (answer := await client.post("/transfers", json=body, headers=ada.paying())).status_code != 201:
                    assert answer.json()["code"] in {"database_read_only", "database_unavailable"}
            # Not one connection of the pool leads to the standby.
            many = (client.post("/transfers", json=body, headers=ada.paying()) for _ in range(20))
            assert {answer.status_code for answer in await asyncio.gather(*many)} == {201}


async def test_without_the_role_of_the_server_a_standby_is_served(
    servers: Servers, application: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: if libpq may connect to any server, reads come from the standby."""
    parameters = connections.parameters

    def any_server(conninfo: str, purpose: str, *, role: str = "any") -> dict[str, Any]:
        assert role
        return parameters(conninfo, purpose, role="any")

    monkeypatch.setattr(connections, "parameters", any_server)
    with pytest.raises(AssertionError):
        await test_a_pool_keeps_no_connection_to_a_standby(servers, application, settings, monkeypatch)


async def test_commands_tell_a_standby(servers: Servers) -> None:
    """`serve` does not start on one; the doctor fails, and has a line for each host; any order of hosts serves."""
    alone = servers.settings(servers.standby)
    refused = await asyncio.to_thread(command, "serve", "--port", "1", settings=alone | {"FOLIO_START_TIMEOUT": "1"})
    assert (refused.returncode, "the server is a standby" in refused.stderr) == (1, True), refused.stderr
    lines = findings((await asyncio.to_thread(command, "doctor", "--json", settings=alone)).stdout)
    assert [line["is"] for line in lines if line["check"] == "writes"] == ["a standby"] * 2
    both = servers.settings(servers.standby, servers.primary)
    lines = findings((await asyncio.to_thread(command, "doctor", "--json", settings=both)).stdout)
    roles = [line["is"].split(": ", 1)[1] for line in lines if (line["check"], line["database"]) == ("host", "main")]
    assert roles == ["standby, 0.0 s behind", "primary, synchronous standbys: none"]
    assert {line["status"] for line in lines if line["check"] in {"host", "writes"}} == {"ok"}
    ada, body = await servers.payment()

    def transfer() -> httpx.Response:
        with service(both) as folio:
            return folio.request("POST", "/transfers", json=body, headers=ada.paying())

    found(await asyncio.to_thread(transfer), 201)


def findings(report: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = json.loads(report)["findings"]
    return lines


@pytest.mark.parametrize(
    ("conninfo", "names"),
    [
        ("postgresql://a,b/d", ["a:5432", "b:5432"]),
        ("postgresql://a:1,b:2/d", ["a:1", "b:2"]),
        ("host=a,b,c port=6 dbname=d", ["a:6", "b:6", "c:6"]),
        ("dbname=d", ["local socket:5432"]),
    ],
)
def test_a_url_is_split_into_its_hosts(conninfo: str, names: list[str]) -> None:
    """As libpq does: one port for all hosts, or one for each."""
    assert [hosts.name(host) for host in hosts.split(conninfo)] == names


async def test_a_service_follows_a_failover(servers: Servers, record_property: Any) -> None:
    """The primary is killed and the standby promoted under load; every promise of the faults is kept."""
    with psycopg.connect(servers.primary.conninfo, autocommit=True) as administrator:
        administrator.execute("ALTER SYSTEM SET synchronous_standby_names TO '*'")
        administrator.execute("SELECT pg_reload_conf()")

        def synchronous() -> bool:
            query = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            return administrator.execute(query).fetchone() == (1,)

        await asyncio.to_thread(until, synchronous)

    @asynccontextmanager
    async def failover() -> AsyncIterator[None]:
        await asyncio.to_thread(servers.primary.kill)
        yield
        await asyncio.to_thread(servers.promote)

    both = servers.urls(servers.primary, servers.standby)
    judge = {name: make_conninfo(url, target_session_attrs="primary") for name, url in both.items()}
    trial = Trial(record_property, judge)
    trial.service_settings = settings_of(both)
    figures = await trial.run("primary killed, standby promoted", failover(), seconds=2)
    codes = ["database_unavailable", "outcome_unknown", "pool_exhausted", "database_read_only"]
    seen = [code for code in codes if code in figures.refused]  # which of them depends on the moment of the kill
    figures.check(*seen, *(code for code in codes if code not in seen))
