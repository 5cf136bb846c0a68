"""Audits: the invariants under sql/*/audit, run in one snapshot per database, and what the last runs found."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg

from repositories import connections
from repositories.errors import fault
from repositories.statements import Connection, statement, statements

INSERT = statement("main/audits/insert")
GET_LAST = statement("main/audits/get_last")
TRIM = statement("main/audits/trim")
CHECKS = {database: statements(f"{database}/audit") for database in ("main", "catalog")}

ROWS = 100
"""Rows that a check reports at the most: a broken invariant may have millions."""
# An audit reads whole tables and holds no lock that writers wait for: it may take minutes, on a connection of its own.
BUDGETS = {"statement_timeout": "300s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "60s"}


@dataclass(frozen=True)
class Check:
    """One invariant and the rows that break it: none when all is well."""

    name: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Audit:
    """What one run found."""

    ok: bool
    finished_at: datetime
    checks: list[dict[str, Any]]


@dataclass(frozen=True)
class _Kept:
    id: int
    finished_at: datetime


class AuditRepository:
    """The audits of one connection to the main database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, checks: list[Check]) -> Audit:
        """Keep what an audit found, and forget all but the last hundred."""
        ok = not any(check.rows for check in checks)
        found = [{"name": check.name, "rows": check.rows} for check in checks]
        kept = await INSERT.one(self._connection, _Kept, ok=ok, checks=json.dumps(found, default=_plain))
        await TRIM.run(self._connection)
        return Audit(ok, kept.finished_at, json.loads(json.dumps(found, default=_plain)))

    async def get_last(self) -> Audit | None:
        """Return what the last audit found, or None before the first."""
        return await GET_LAST.maybe(self._connection, Audit)


async def audit(conninfos: Mapping[str, str], on_check: Callable[[Check], None] = lambda _: None) -> list[Check]:
    """Run every check of every database and return them by name; Fault where a database is away or too slow.

    Each database is read in one repeatable-read snapshot, on a connection of its own.
    """
    checks: list[Check] = []
    for database, conninfo in conninfos.items():
        try:
            async with connections.connect(conninfo, budgets=BUDGETS) as connection:
                await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", prepare=False)
                for check in CHECKS[database]:
                    rows = await check.dicts(connection, limit=ROWS)
                    checks.append(Check(check.name.replace("/audit/", "/"), rows))
                    on_check(checks[-1])
        except psycopg.Error as error:
            raise fault(error) from error
    return checks


def _plain(value: object) -> int | str:
    return int(value) if isinstance(value, Decimal) and value == int(value) else str(value)
