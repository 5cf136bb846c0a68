"""Audits: the invariants under sql/main/invariants in one snapshot, the two databases compared, and what was found."""

from collections.abc import Callable, Mapping
from functools import partial

import psycopg

from repositories.audit import reconciliation
from repositories.audits import Audit, AuditRepository, Check
from repositories.postgres import connections
from repositories.postgres import unit_of_work as units
from repositories.postgres.errors import fault
from repositories.postgres.pools import Database
from repositories.postgres.statements import Connection, statements

CHECKS = statements("main/invariants")
COUNT = len(CHECKS) + 1
"""Checks of an audit: those within the main database, and the two databases against each other."""

ROWS = 100
"""Rows that a check reports at the most: a broken invariant may have millions."""
# An audit reads whole tables and holds no lock that writers wait for: it may take minutes, on a connection of its own.
PATIENCE = 330.0
"""Seconds for an answer: longer than any statement may take."""
BUDGETS = {"statement_timeout": "300s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "60s"}


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
                found(Check(check.name.replace("/invariants/", "/"), await check.dicts(connection, limit=ROWS)))
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
