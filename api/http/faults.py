"""Faults and defects as problems: their details, the caller's next step, and their log lines."""

from typing import Any

import structlog
from starlette.types import Scope

from api.http.problems import ProblemResponse, respond
from repositories.postgres.errors import Defect, Fault, OutcomeUnknown, database_error, described

log = structlog.get_logger()

INTERNAL_ERROR = "An internal error occurred; the log has the details."


def fault_response(scope: Scope, fault: Fault) -> ProblemResponse:
    """Build the 503 of a fault. If the outcome is unknown, it says how to learn it."""
    headers = {"Retry-After": str(fault.retry_after)}
    if not isinstance(fault, OutcomeUnknown):
        return respond(scope, fault.code, str(fault), headers=headers)
    members = scope["state"].get("unless_lost", {})
    return respond(scope, fault.code, f"{fault} {_advice(scope)}", headers=headers, extra=members)


def defect_response(scope: Scope) -> ProblemResponse:
    """Build the 500 of a defect. It has no Retry-After: no retry succeeds."""
    return respond(scope, "internal_error", INTERNAL_ERROR)


def log_fault(scope: Scope, error: Exception, known: Fault | Defect) -> None:
    """Log a fault as a warning and a defect as an error, also if it left an outcome unknown; without values of rows."""
    fields: dict[str, Any] = {"code": known.code, "error": described(error), "request_id": scope["state"]["request_id"]}
    if isinstance(known, Defect) or isinstance(known.__cause__, Defect):
        cause = database_error(error)
        constraint = None if cause is None else cause.diag.constraint_name
        log.error("internal error", path=scope["path"], constraint=constraint, **fields)
    else:
        log.warning("fault", **fields)


def keep_if_lost(scope: Scope, **members: str) -> None:
    """Give the caller these members even if the outcome of the request stays unknown."""
    scope["state"]["unless_lost"] = members


def _advice(scope: Scope) -> str:
    """Tell the caller of a request with an unknown outcome what to do: it must name nothing that the route lacks."""
    state, method, path = scope["state"], scope["method"], scope["path"]
    keyed = state.get("keyed")
    if keyed:
        return "Repeat the request under the same Idempotency-Key."
    if "api_key" in state.get("unless_lost", {}):
        return "If it happened, this api_key is valid: try it first, and repeat the request if it is refused."
    if method == "DELETE":
        return "Repeat the request: if it happened, the repeat changes nothing."
    look = f"GET {path.removesuffix('/release')} shows if it happened."
    return look if keyed is None else f"{look} Under an Idempotency-Key, a repeat is safe."
