"""Errors between Folio and PostgreSQL: one class, or one code, for each condition that callers tell apart.

A Fault is temporary: the database is away, too slow or full, and the same request may succeed later. A Defect is not:
the same request fails until somebody changes Folio or its database. SQLSTATE decides which of them an error is
(Appendix A of the PostgreSQL manual); the error of a lost connection has no SQLSTATE.
"""

import re

from psycopg import Error
from psycopg.errors import UniqueViolation


class Fault(Exception):
    """The database cannot be reached or cannot do this now. Nothing was written; only OutcomeUnknown says otherwise."""

    code = "database_unavailable"
    detail = "The database cannot be reached."
    retry_after = 1
    """Seconds after which a retry makes sense."""

    def __init__(self, detail: str | None = None, *, code: str | None = None) -> None:
        super().__init__(detail or self.detail)
        self.code = code or self.code


class DatabaseUnavailable(Fault):
    """The database cannot be reached, or the connection was lost before COMMIT was sent."""

    retry_after = 2


class ReadOnlyServer(DatabaseUnavailable):
    """The server that the address leads to is a standby: after a failover, the next attempt may reach the primary."""

    code = "database_read_only"
    detail = "The database cannot be reached: the server is a standby."


class PoolExhausted(Fault):
    """All connections of the pool are in use, and the queue is full or the wait took too long."""

    code = "pool_exhausted"


class LockTimeout(Fault):
    """A row or table was locked by other transactions for too long."""

    code = "lock_timeout"
    detail = "A row or table was locked by another transaction for too long."


class OutcomeUnknown(Fault):
    """The database did not confirm the commit, so it may have happened. A retry under the same key is safe."""

    code = "outcome_unknown"
    detail = "The database did not confirm the commit."
    # A lost backend keeps its locks for at most this long (transaction_timeout), unless it waits for a standby.
    retry_after = 15


class RolledBack(Fault):
    """The database answered COMMIT with ROLLBACK, because a statement had failed unnoticed. Nothing was written."""

    code = "transaction_rolled_back"


class DeadlineExceeded(Fault):
    """The request took too long and was ended before COMMIT was sent. Nothing was written."""

    code = "deadline_exceeded"
    detail = "The request took too long; nothing was written."
    retry_after = 2


class Defect(Exception):
    """The database refused a statement for good, for instance by a check, a missing privilege or a missing table."""

    code = "internal_error"

    def __init__(self, state: str) -> None:
        super().__init__(f"The database refused a statement (SQLSTATE {state}).")


class Taken(Exception):
    """The value is taken: the unique constraint `constraint` refused it. Empty if the server did not name one."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


RETRIED = frozenset({"40001", "40P01"})
"""SQLSTATEs after which PostgreSQL asks for a retry of the transaction: serialization failure and deadlock."""

_CODES = {
    "25006": ("database_read_only", "The database is read-only at the moment."),
    "25P03": ("transaction_timeout", "The transaction was idle for too long and was canceled."),
    "25P04": ("transaction_timeout", "The transaction took too long and was canceled."),
    "40001": ("contention", "The transaction conflicted with others, several times in a row."),
    "40P01": ("contention", "The transaction conflicted with others, several times in a row."),
    "53100": ("disk_full", "The database's disk is full."),
    "53300": ("too_many_connections", "The database server has too many connections."),
    "55P03": (LockTimeout.code, LockTimeout.detail),
    "57014": ("statement_timeout", "A statement took too long and was canceled."),
}
_CLASSES = {
    "08": ("database_unavailable", "The connection to the database was lost."),
    "28": ("database_unavailable", "The database refused the connection."),
    "3D": ("database_unavailable", "The database does not exist."),
    "40": ("contention", "The transaction conflicted with others."),
    "53": ("database_overloaded", "The database server is out of a resource."),
    "55": ("database_unavailable", "An object of the database is in use by an administrator."),
    "57": ("database_unavailable", "The database is shutting down or starting, or it closed the connection."),
    "58": ("database_unavailable", "The database server has trouble with its operating system."),
}


_STANDBY = "server is in hot standby mode"
"""libpq's reason if target_session_attrs refuses a standby."""
_FULL = re.compile("too many (clients|connections)|remaining connection slots|no more connections allowed")
"""The reason of PostgreSQL, or of PgBouncer, if it takes no further connection."""


def _refusal(reason: str) -> Fault:
    """Return the fault for a connection that was lost or refused: libpq passes on the server's text, not its SQLSTATE.

    A server may speak another language than English: the fault is then the general one.
    """
    if _STANDBY in reason:
        return ReadOnlyServer()
    if _FULL.search(reason):
        code, detail = _CODES["53300"]
        return DatabaseUnavailable(detail, code=code)
    return DatabaseUnavailable()


def fault(error: Error) -> Fault | Defect:
    """Return the fault for an error of psycopg; for a SQLSTATE that is not listed here, a defect."""
    state = error.sqlstate
    if state is None:
        return _refusal(str(error))
    known = _CODES.get(state) or _CLASSES.get(state[:2])
    if known is None:
        return Defect(state)
    code, detail = known
    return Fault(detail, code=code)


def described(error: BaseException) -> str:
    """Return the text of an error, or of the psycopg error that caused it, without the values of any row.

    PostgreSQL's DETAIL quotes rows, and the message of a data exception (22xxx) quotes the wrong value: the text has
    neither.
    """
    cause = database_error(error)
    if cause is None or cause.sqlstate is None:
        return str(cause or error).strip()
    message = f"SQLSTATE {cause.sqlstate}"
    return message if cause.sqlstate.startswith("22") else f"{message}: {cause.diag.message_primary}"


def database_error(error: BaseException | None) -> Error | None:
    """Return the psycopg error at the end of a chain of causes, or None."""
    while error is not None and not isinstance(error, Error):
        error = error.__cause__
    return error


def taken(error: UniqueViolation, *constraints: str) -> Taken:
    """Return the error for a violated unique constraint.

    `constraints` are those that the statement can violate. If there is only one, the server need not name it: behind
    some proxies and in some clusters it does not.
    """
    name = error.diag.constraint_name
    return Taken(name or (constraints[0] if len(constraints) == 1 else ""))
