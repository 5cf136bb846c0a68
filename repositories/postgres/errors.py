"""Errors between Folio and PostgreSQL: one class, or one code, for each condition that callers tell apart.

A Fault is temporary: the database is away, too slow or full, and the same request may succeed later. SQLSTATE decides
which fault an error is (Appendix A of the PostgreSQL manual); the error of a lost connection has no SQLSTATE.
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


class OutcomeUnknown(Fault):
    """The database did not confirm the commit, so it may have happened. A retry under the same key is safe."""

    code = "outcome_unknown"
    detail = "The database did not confirm the commit. Repeat the request under the same Idempotency-Key."
    # A lost backend keeps its locks for at most this long: transaction_timeout.
    retry_after = 15


class RolledBack(Fault):
    """The database answered COMMIT with ROLLBACK, because a statement had failed unnoticed. Nothing was written."""

    code = "transaction_rolled_back"


class DeadlineExceeded(Fault):
    """The request took too long and was ended before COMMIT was sent. Nothing was written."""

    code = "deadline_exceeded"
    detail = "The request took too long; nothing was written."
    retry_after = 2


class Taken(Exception):
    """The value is taken: the unique constraint `constraint` refused it."""

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
    "55P03": ("lock_timeout", "A row or table was locked by another transaction for too long."),
    "57014": ("statement_timeout", "A statement took too long and was canceled."),
}
_CLASSES = {
    "08": ("database_unavailable", "The connection to the database was lost."),
    "28": ("database_unavailable", "The database refused the connection."),
    "3D": ("database_unavailable", "The database does not exist."),
    "53": ("database_overloaded", "The database server is out of a resource."),
    "57": ("database_unavailable", "The database is shutting down or starting, or it closed the connection."),
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


def fault(error: Error) -> Fault:
    """Return the fault for an error of psycopg; its code is `database_error` if the SQLSTATE is not listed here."""
    state = error.sqlstate
    if state is None:
        return _refusal(str(error))
    known = _CODES.get(state) or _CLASSES.get(state[:2])
    if known is None:
        return Fault(f"The database answered with an error (SQLSTATE {state}).", code="database_error")
    code, detail = known
    return Fault(detail, code=code)


def described(error: Exception) -> str:
    """Return the text of an error, or of the psycopg error that caused it, without the values of any row.

    PostgreSQL's DETAIL quotes rows, and the message of a data exception (22xxx) quotes the wrong value: the text has
    neither.
    """
    cause = error.__cause__ if isinstance(error.__cause__, Error) else error
    if not isinstance(cause, Error) or cause.sqlstate is None:
        return str(cause).strip()
    message = f"SQLSTATE {cause.sqlstate}"
    return message if cause.sqlstate.startswith("22") else f"{message}: {cause.diag.message_primary}"


def taken(error: UniqueViolation) -> Taken:
    """Return the error for a violated unique constraint."""
    return Taken(error.diag.constraint_name or "")
