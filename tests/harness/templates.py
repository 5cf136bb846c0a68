"""Databases for tests: migrated templates, made once, and clones of them for each test.

The process that pytest was started in makes the templates and tells the xdist workers by environment variables.
"""

import asyncio
import functools
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from repositories.schema import migrations, roles
from repositories.schema.databases import DATABASES

ADMIN = "FOLIO_TEST_ADMIN"
"""Environment variable: how to connect to the server as one who may create databases."""
PREFIX = "FOLIO_TEST_PREFIX"
"""Environment variable: what the names of this run's databases start with."""
PASSWORD = "FOLIO_TEST_PASSWORD"
"""Environment variable: the password of this run's login that serves, which has the prefix for a name; or nothing."""


def prepare(admin: str) -> None:
    """Make the templates on a server, and a login that can do no more than serve their copies, as a superuser may."""
    os.environ[ADMIN] = admin
    os.environ[PREFIX] = f"folio_test_{secrets.token_hex(4)}"
    os.environ[PASSWORD] = secrets.token_hex(16) if _is_superuser() else ""
    for database in DATABASES:
        template = f"{os.environ[PREFIX]}_{database}"
        _execute("CREATE DATABASE {} TEMPLATE template0", template)
        asyncio.run(migrations.migrate(conninfo(template), database, lambda _: None))
        if has_roles():
            asyncio.run(roles.grant(conninfo(template), database))
    if has_roles():
        password = os.environ[PASSWORD]
        _execute(f"CREATE ROLE {{}} LOGIN PASSWORD '{password}' IN ROLE {roles.APPLICATION}", os.environ[PREFIX])


def conninfo(database: str) -> str:
    """Return how to connect to a database of the server as its administrator."""
    return make_conninfo(os.environ[ADMIN], dbname=database)


def has_roles() -> bool:
    """Tell whether the service is tested with the application's privileges, or with the administrator's."""
    return bool(os.environ[PASSWORD])


def served(conninfo: str) -> str:
    """Return how the application connects where the administrator connects so."""
    if not has_roles():
        return conninfo
    return make_conninfo(conninfo, user=os.environ[PREFIX], password=os.environ[PASSWORD])


def server_version() -> int:
    """Return the server's major version."""
    return _administrator().info.server_version // 10000


@contextmanager
def login(attributes: str) -> Iterator[Callable[[str], str]]:
    """Make a login for one test, and return how it connects where the administrator connects so."""
    if not has_roles():
        pytest.skip("only a superuser makes the roles of tests")
    name, password = f"{os.environ[PREFIX]}_{secrets.token_hex(4)}", secrets.token_hex(16)
    _execute(f"CREATE ROLE {{}} LOGIN PASSWORD '{password}' {attributes}", name)
    try:
        yield lambda conninfo: make_conninfo(conninfo, user=name, password=password)
    finally:
        _execute("DROP ROLE {}", name)


@contextmanager
def clones() -> Iterator[dict[str, str]]:
    """Copy the templates for one test, and return how to connect to the copies."""
    copies = {database: f"{os.environ[PREFIX]}_{database}_{secrets.token_hex(4)}" for database in DATABASES}
    try:
        for database, name in copies.items():
            # Half the time that WAL_LOG takes, to make and to drop: nothing of it passes through shared buffers.
            _execute("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, f"{os.environ[PREFIX]}_{database}")
        yield {database: conninfo(name) for database, name in copies.items()}
    finally:
        for name in copies.values():
            drop(name)


@contextmanager
def empty() -> Iterator[str]:
    """Make a database that has had nothing, for one test, and return how to connect to it."""
    name = f"{os.environ[PREFIX]}_empty_{secrets.token_hex(4)}"
    try:
        _execute("CREATE DATABASE {} TEMPLATE template0", name)
        yield conninfo(name)
    finally:
        drop(name)


def drop(name: str) -> None:
    """Remove a database, whoever is connected to it."""
    _execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def drop_all() -> None:
    """Remove all databases of this run, and its login."""
    rows = _administrator().execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (os.environ[PREFIX],)
    )
    for (name,) in rows.fetchall():
        drop(name)
    _execute("DROP ROLE IF EXISTS {}", os.environ[PREFIX])
    disconnect()


def disconnect() -> None:
    """Close this process's connection as administrator, if it has one."""
    if _administrator.cache_info().currsize:
        _administrator().close()
        _administrator.cache_clear()


@functools.cache
def _administrator() -> psycopg.Connection[TupleRow]:
    return psycopg.connect(os.environ[ADMIN], autocommit=True)


def _is_superuser() -> bool:
    return _administrator().info.parameter_status("is_superuser") == "on"


def _execute(statement: str, *names: str) -> None:
    _administrator().execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
