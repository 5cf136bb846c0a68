"""Databases for tests: migrated templates, created once, and a clone of each for every test.

The process that runs pytest creates the templates, and passes their names to the xdist workers in the environment.
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
"""Environment variable: the administrator's connection string."""
PREFIX = "FOLIO_TEST_PREFIX"
"""Environment variable: the prefix of this run's databases, and the name of its application login."""
PASSWORD = "FOLIO_TEST_PASSWORD"
"""Environment variable: the password of the application login; empty if there is no such login."""


def create(admin: str) -> None:
    """Create the templates on a server and, if the administrator is a superuser, a login of the application's role."""
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
    """Return the administrator's connection string of a database."""
    return make_conninfo(os.environ[ADMIN], dbname=database)


def has_roles() -> bool:
    """Return True if the service connects with the application's role, False if as the administrator."""
    return bool(os.environ[PASSWORD])


def served(conninfo: str) -> str:
    """Return the application's connection string of a database, made of the administrator's."""
    if not has_roles():
        return conninfo
    return make_conninfo(conninfo, user=os.environ[PREFIX], password=os.environ[PASSWORD])


def server_version() -> int:
    """Return the server's major version."""
    return _administrator().info.server_version // 10000


@contextmanager
def login(attributes: str) -> Iterator[Callable[[str], str]]:
    """Create a login for one test; yield a function that turns an administrator's connection string into its own."""
    if not has_roles():
        pytest.skip("only a superuser can create roles")
    name, password = f"{os.environ[PREFIX]}_{secrets.token_hex(4)}", secrets.token_hex(16)
    _execute(f"CREATE ROLE {{}} LOGIN PASSWORD '{password}' {attributes}", name)
    try:
        yield lambda conninfo: make_conninfo(conninfo, user=name, password=password)
    finally:
        _execute("DROP ROLE {}", name)


@contextmanager
def clones() -> Iterator[dict[str, str]]:
    """Clone the templates for one test, and yield the connection strings of the clones."""
    names = {database: f"{os.environ[PREFIX]}_{database}_{secrets.token_hex(4)}" for database in DATABASES}
    try:
        for database, name in names.items():
            # FILE_COPY bypasses shared buffers, and takes half the time of WAL_LOG to create and to drop.
            _execute("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, f"{os.environ[PREFIX]}_{database}")
        yield {database: conninfo(name) for database, name in names.items()}
    finally:
        for name in names.values():
            drop(name)


@contextmanager
def empty(options: str = "") -> Iterator[str]:
    """Create an empty database for one test, with options such as its locale, and yield its connection string."""
    name = f"{os.environ[PREFIX]}_empty_{secrets.token_hex(4)}"
    try:
        _execute(f"CREATE DATABASE {{}} TEMPLATE template0 {options}", name)
        yield conninfo(name)
    finally:
        drop(name)


def drop(name: str) -> None:
    """Drop a database and end its connections."""
    _execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def drop_all() -> None:
    """Drop all databases and the login of this run."""
    rows = _administrator().execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (os.environ[PREFIX],)
    )
    for (name,) in rows.fetchall():
        drop(name)
    _execute("DROP ROLE IF EXISTS {}", os.environ[PREFIX])
    disconnect()


def disconnect() -> None:
    """Close this process's administrator connection, if it is open."""
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
