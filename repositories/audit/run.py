"""Run an audit: every invariant of both databases, by `folio audit`, `POST /ops/audit` and the scheduled job."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial

import psycopg

from repositories.audit import invariants, reconciliation, sellers
from repositories.audits import Audit, AuditRepository, Check
from repositories.postgres import connections, unit_of_work
from repositories.postgres.connections import BoundedConnection
from repositories.postgres.errors import fault
from repositories.postgres.pools import Pool
from repositories.postgres.statements import Connection

CHECK_COUNT = sum(len(queries) for queries in invariants.QUERIES.values()) + 2
"""Checks of an audit: the invariants of each database, and the two comparisons of the databases."""
MAX_ROWS = 100
"""Rows that a check reports: a broken invariant may have millions."""
# An audit reads whole tables and holds no lock that writers wait for: it may take minutes, on connections of its own.
BUDGETS = {"statement_timeout": "300s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "60s"}
ANSWER_SECONDS = 330.0
"""Longest time for one answer: longer than a statement may take."""


async def run_audit(
    conninfos: Mapping[str, str], main: Pool, on_check: Callable[[Check], None] = lambda _: None
) -> Audit:
    """Run every check, store the result and return it; `on_check` is called after each check.

    The checks have connections of their own; one of the pool `main` is checked out only to store the result. Raises
    Fault if a database is away or too slow.
    """
    checks: list[Check] = []

    def add(check: Check) -> None:
        checks.append(check)
        on_check(check)

    try:
        async with _connect(conninfos["main"]) as connection, _connect(conninfos["catalog"]) as catalog:
            add(await reconciliation.compare(connection, catalog, limit=MAX_ROWS))
            add(await sellers.compare(connection, catalog, limit=MAX_ROWS))
            await invariants.count_supplied(catalog)
            await invariants.check(catalog, "catalog", add, limit=MAX_ROWS)
            await invariants.check(connection, "main", add, limit=MAX_ROWS)
    except psycopg.Error as error:
        raise fault(error) from error
    async with main.checkout() as checkout:
        # Repeatable: if an unconfirmed COMMIT did succeed, the same result is stored twice, which harms nothing.
        return await unit_of_work.run(checkout, partial(_store, checks=checks), repeatable=True)


def _connect(conninfo: str) -> AbstractAsyncContextManager[BoundedConnection]:
    return connections.connect(conninfo, purpose="audit", budgets=BUDGETS, patience=ANSWER_SECONDS)


async def _store(connection: Connection, *, checks: list[Check]) -> Audit:
    return await AuditRepository(connection).insert(checks=checks)
