"""Both databases on a server for faults, and the settings of a service on them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from repositories.schema.databases import DATABASES

if TYPE_CHECKING:
    from collections.abc import Mapping


def create_databases(conninfo: str, tablespace: str = "pg_default") -> dict[str, str]:
    """Create both databases, empty, and return their connection strings."""
    names = {database: f"{database}_{secrets.token_hex(4)}" for database in DATABASES}
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for name in names.values():
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 TABLESPACE {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(tablespace)))
    return {database: make_conninfo(conninfo, dbname=name) for database, name in names.items()}


def settings_of(databases: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a service on databases."""
    urls = {f"FOLIO_{name.upper()}_DATABASE_URL": conninfo for name, conninfo in databases.items()}
    return urls | {"FOLIO_MIGRATE_ON_START": "true"}
