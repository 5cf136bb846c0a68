"""Poolers between Folio and a server, such as PgBouncer.

In session mode a client keeps its server connection, as if there were no pooler. In transaction mode each transaction
may run on another server connection: budgets, prepared statements and locks of a session are lost, or meet a stranger.
"""

from enum import Enum

import psycopg

from repositories.postgres import connections
from repositories.postgres.connections import REQUEST_BUDGETS, Setting
from repositories.postgres.errors import fault
from repositories.postgres.statements import Connection, statement

BACKEND = statement("both/session/backend")
READ = statement("both/session/read")

ROUNDS = 3
"""Transactions on each of two connections: an idle pooler in transaction mode shows itself in the first."""


class Pooler(Enum):
    """The pooler before a server."""

    NONE = "none"
    SESSION = "a pooler in session mode"
    TRANSACTION = "a pooler in transaction mode"


async def find(conninfo: str, *, purpose: str) -> Pooler:
    """Find out which pooler a conninfo leads to. Raises Fault or Defect if it cannot be reached.

    A pooler reports a PID of its own. In transaction mode, two clients meet the same server process.
    """
    # Without prepared statements: a pooler in transaction mode mixes up those of its clients.
    options = connections.parameters(conninfo, purpose, role="any") | {"prepare_threshold": None}
    try:
        async with await psycopg.AsyncConnection.connect(conninfo, **options) as one:
            if await _pid(one) == one.info.backend_pid:
                return Pooler.NONE
            async with await psycopg.AsyncConnection.connect(conninfo, **options) as other:
                pids = [(await _pid(one), await _pid(other)) for _ in range(ROUNDS)]
    except psycopg.Error as error:
        raise fault(error) from error
    kept = len({*pids}) == 1 and pids[0][0] != pids[0][1]
    return Pooler.SESSION if kept else Pooler.TRANSACTION


async def lost_budgets(connection: Connection) -> list[str]:
    """Return the budgets that a configured session does not have, as the name with its value."""
    rows = await READ.all(connection, Setting, names=list(REQUEST_BUDGETS))
    return [f"{row.name} {row.value}" for row in rows if row.value != REQUEST_BUDGETS[row.name]]


async def _pid(connection: Connection) -> int:
    [pid] = await BACKEND.values(connection)
    return int(pid)
