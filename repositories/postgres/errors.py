"""What can go wrong between Folio and PostgreSQL: one class for each condition that a caller tells apart.

Faults are PostgreSQL's (away, too slow, full): the same request may succeed later. SQLSTATE decides which fault it is
(Appendix A of the PostgreSQL manual); a lost connection has none.
"""

from psycopg import Error
from psycopg.errors import UniqueViolation


class Fault(Exception):
    """The database could not do it now. Nothing was committed, unless the class says otherwise."""

    code = "database_unavailable"
    detail = "The database cannot be reached."
    retry_after = 1
    """Seconds after which trying again makes sense."""

    def __init__(self, detail: str | None = None, *, code: str | None = None) -> None:
        super().__init__(detail or self.detail)
        self.code = code or self.code


class DatabaseUnavailable(Fault):
    """No connection could be had, or it was lost before COMMIT was sent."""

    retry_after = 2


class PoolExhausted(Fault):
    """All connections of the pool are in use, and the queue is full or the wait was too long."""

    code = "pool_exhausted"


class OutcomeUnknown(Fault):
    """COMMIT was sent and never confirmed: it may have happened. A retry under the same Idempotency-Key is safe."""

    code = "outcome_unknown"
    detail = "The database did not confirm the commit. Repeat the request under the same Idempotency-Key."
    # As long as a lost backend may hold its locks: transaction_timeout.
    retry_after = 15


class RolledBack(Fault):
    """COMMIT was answered with ROLLBACK: a statement had failed and its error was not seen. Nothing was written."""

    code = "transaction_rolled_back"


class DeadlineExceeded(Fault):
    """The request's time was up before COMMIT was sent. Nothing was written."""

    code = "deadline_exceeded"
    detail = "The request took too long; nothing was written."
    retry_after = 2


class Taken(Exception):
    """A unique constraint refused a value that somebody else has; `constraint` is its name."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


RETRIED = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: PostgreSQL asks for the unit of work to be run again."""

_CODES = {
    "25006": ("database_read_only", "The database accepts no writes now."),
    "25P03": ("transaction_timeout", "The transaction was idle for too long and was ended."),
    "25P04": ("transaction_timeout", "The transaction took too long and was ended."),
    "40001": ("contention", "Other transactions were in the way, several times in a row."),
    "40P01": ("contention", "Other transactions were in the way, several times in a row."),
    "53100": ("disk_full", "The database's disk is full."),
    "53300": ("too_many_connections", "The database server has no free connection."),
    "55P03": ("lock_timeout", "A row or table stayed locked by another transaction for too long."),
    "57014": ("statement_timeout", "A statement took too long and was ended."),
}
_CLASSES = {
    "08": ("database_unavailable", "The connection to the database was lost."),
    "28": ("database_unavailable", "The database refused the connection."),
    "3D": ("database_unavailable", "The database is not there."),
    "53": ("database_overloaded", "The database server is out of a resource."),
    "57": ("database_unavailable", "The database is shutting down, starting or closed the connection."),
}


def fault(error: Error) -> Fault:
    """Name the fault that an error of psycopg stands for; what is none of the known ones is `database_error`."""
    state = error.sqlstate
    if state is None:
        return DatabaseUnavailable()
    known = _CODES.get(state) or _CLASSES.get(state[:2])
    if known is None:
        return Fault(f"The database answered with an error (SQLSTATE {state}).", code="database_error")
    code, detail = known
    return Fault(detail, code=code)


def described(error: Exception) -> str:
    """Return what a log line may say of an error or of its cause: psycopg's.

    PostgreSQL's DETAIL quotes rows, and the message of a data exception (22xxx) the wrong value: those are left out.
    """
    cause = error.__cause__ if isinstance(error.__cause__, Error) else error
    if not isinstance(cause, Error) or cause.sqlstate is None:
        return str(cause).strip()
    message = f"SQLSTATE {cause.sqlstate}"
    return message if cause.sqlstate.startswith("22") else f"{message}: {cause.diag.message_primary}"


def taken(error: UniqueViolation) -> Taken:
    """Name the constraint that refused a value."""
    return Taken(error.diag.constraint_name or "")
