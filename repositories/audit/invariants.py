"""Audits: the invariants under sql/main/audit in one snapshot, the two databases compared, and what was found."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg

from repositories import connections, reconciliation, units
from repositories.errors import fault
from repositories.pools import Database
from repositories.statements import Connection, statement, statements

INSERT = statement("main/audits/insert")
GET_LAST = statement("main/audits/get_last")
TRIM = statement("main/audits/trim")
CHECKS = statements("main/audit")
COUNT = len(CHECKS) + 1
"""Checks of an audit: those within the main database, and the two databases against each other."""

ROWS = 100
"""Rows that a check reports at the most: a broken invariant may have millions."""
# An audit reads whole tables and holds no lock that writers wait for: it may take minutes, on a connection of its own.
PATIENCE = 330.0
"""Seconds for an answer: longer than any statement may take."""
BUDGETS = {"statement_timeout": "300s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "60s"}


@dataclass(frozen=True)
class Check:
    """One invariant and the rows that break it: none when all is well; and, across the two, what is in flight."""

    name: str
    rows: list[dict[str, Any]]
    in_flight: list[dict[str, Any]] | None = None


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
        found = json.dumps([_members(check) for check in checks], default=_plain)
        kept = await INSERT.one(self._connection, _Kept, ok=ok, checks=found)
        await TRIM.run(self._connection)
        return Audit(ok, kept.finished_at, json.loads(found))

    async def get_last(self) -> Audit | None:
        """Return what the last audit found, or None before the first."""
        return await GET_LAST.maybe(self._connection, Audit)


async def audit(conninfos: Mapping[str, str], on_check: Callable[[Check], None] = lambda _: None) -> list[Check]:
    """Run every check and return them by name; Fault where a database is away or too slow.

    The main database is read in one repeatable-read snapshot; the two are compared by pages. All on connections of
    their own.
    """
    checks: list[Check] = []

    def found(check: Check) -> None:
        checks.append(check)
        on_check(check)

    try:
        rows, in_flight = await reconciliation.compare(conninfos, limit=ROWS, budgets=BUDGETS, patience=PATIENCE)
        found(Check("both/purchases", rows, in_flight))
        async with connections.connect(
            conninfos["main"], purpose="audit", budgets=BUDGETS, patience=PATIENCE
        ) as connection:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", prepare=False)
            for check in CHECKS:
                found(Check(check.name.replace("/audit/", "/"), await check.dicts(connection, limit=ROWS)))
    except psycopg.Error as error:
        raise fault(error) from error
    return checks


async def run(conninfos: Mapping[str, str], main: Database) -> Audit:
    """Run every check, keep what was found, on a connection of `main` that is not held meanwhile, and return that."""
    checks = await audit(conninfos)
    async with main.checkout() as checkout:
        return await units.run(checkout, partial(keep, checks=checks))


async def keep(connection: Connection, *, checks: list[Check]) -> Audit:
    """Keep what an audit found, in a unit of work."""
    return await AuditRepository(connection).insert(checks=checks)


def _members(check: Check) -> dict[str, Any]:
    return {name: value for name, value in vars(check).items() if value is not None}


def _plain(value: object) -> int | str:
    return int(value) if isinstance(value, Decimal) and value == int(value) else str(value)
