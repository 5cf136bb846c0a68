"""Both databases on a server that faults may befall, and the administrator's hand in them."""

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
    """Make both databases on a server, empty, and return how to connect to each."""
    names = {database: f"{database}_{secrets.token_hex(4)}" for database in DATABASES}
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for name in names.values():
            created = sql.SQL("CREATE DATABASE {} TEMPLATE template0 TABLESPACE {}")
            connection.execute(created.format(sql.Identifier(name), sql.Identifier(tablespace)))
    return {database: make_conninfo(conninfo, dbname=name) for database, name in names.items()}


def settings_of(databases: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a service on databases."""
    urls = {f"FOLIO_{name.upper()}_DATABASE_URL": conninfo for name, conninfo in databases.items()}
    return urls | {"FOLIO_MIGRATE_ON_START": "true"}
