"""Problem details (RFC 9457): the status and title of every error code, and the answers built from them."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Scope

CODES: dict[str, tuple[int, str]] = {
    "bad_request": (400, "Bad request"),
    "malformed_json": (400, "Malformed JSON"),
    "idempotency_key_missing": (400, "Idempotency-Key required"),
    "unauthorized": (401, "A valid API key is required"),
    "read_only_key": (403, "The API key is read-only"),
    "operator_required": (403, "Only an operator may do this"),
    "not_owner": (403, "Only the owner may do this"),
    "not_found": (404, "Not found"),
    "user_not_found": (404, "User not found"),
    "api_key_not_found": (404, "API key not found"),
    "post_not_found": (404, "Post not found"),
    "account_not_found": (404, "Account not found"),
    "transfer_not_found": (404, "Transfer not found"),
    "hold_not_found": (404, "Hold not found"),
    "product_not_found": (404, "Product not found"),
    "purchase_not_found": (404, "Purchase not found"),
    "audit_not_found": (404, "No audit has run yet"),
    "method_not_allowed": (405, "Method not allowed"),
    "request_timeout": (408, "The request arrived too slowly"),
    "username_taken": (409, "The username is taken"),
    "email_taken": (409, "The e-mail address is taken"),
    "balance_not_zero": (409, "Balance or holds are not zero"),
    "purchases_pending": (409, "A purchase is still in progress"),
    "account_frozen": (409, "The account is frozen"),
    "account_closed": (409, "The account is closed"),
    "account_unavailable": (409, "The other account can neither pay nor be paid"),
    "version_mismatch": (409, "The account has changed"),
    "hold_not_active": (409, "The hold is no longer active"),
    "hold_expired": (409, "The hold has expired"),
    "already_reversed": (409, "The transfer is already reversed"),
    "pays_purchase": (409, "The transfer pays for a purchase"),
    "already_refunded": (409, "The purchase is already refunded"),
    "purchase_not_completed": (409, "The purchase is not completed"),
    "price_changed": (409, "The price has changed"),
    "seller_changed": (409, "The payee account no longer belongs to the seller"),
    "product_archived": (409, "The product is no longer for sale"),
    "below_minimum": (409, "The available balance is below the new minimum"),
    "quota_reached": (409, "You have as many as you may have"),
    "audit_running": (409, "An audit is already running"),
    "precondition_failed": (412, "The resource has changed"),
    "body_too_large": (413, "The body is too large"),
    "uri_too_long": (414, "The URL is too long"),
    "unsupported_media_type": (415, "The body must be application/json"),
    "validation_error": (422, "The request is not valid"),
    "same_account": (422, "Payer and payee are the same account"),
    "currency_mismatch": (422, "The currencies differ"),
    "insufficient_funds": (422, "Insufficient funds"),
    "out_of_stock": (422, "Out of stock"),
    "balance_out_of_range": (422, "The balance would be out of range"),
    "idempotency_key_reused": (422, "The Idempotency-Key belongs to another request"),
    "precondition_required": (428, "If-Match required"),
    "too_many_requests": (429, "Too many requests"),
    "headers_too_large": (431, "The headers are too large"),
    "internal_error": (500, "Internal error"),
    "contention": (503, "Too many conflicting transactions"),
    "database_overloaded": (503, "The database has run out of a resource"),
    "database_read_only": (503, "The database is read-only"),
    "database_unavailable": (503, "The database is unavailable"),
    "deadline_exceeded": (503, "The request timed out"),
    "disk_full": (503, "The database's disk is full"),
    "lock_timeout": (503, "A lock was not free in time"),
    "not_ready": (503, "Folio is not ready"),
    "outcome_unknown": (503, "The outcome is unknown"),
    "overloaded": (503, "Too many requests in flight"),
    "pool_exhausted": (503, "No database connection is free"),
    "statement_timeout": (503, "A statement timed out"),
    "too_many_connections": (503, "The database server has no free connection"),
    "transaction_rolled_back": (503, "The transaction was rolled back"),
    "transaction_timeout": (503, "The transaction timed out"),
}
"""HTTP status and title by code."""

BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}
"""Codes for the errors that the framework raises, by status."""

FAULTS = tuple(
    code for code, (status, _) in CODES.items() if status == HTTPStatus.SERVICE_UNAVAILABLE and code != "not_ready"
)
"""Codes of every request that needs a database."""
READS = ("bad_request", "validation_error", "too_many_requests", "internal_error", *FAULTS)
"""Codes of every request."""
OWN = ("unauthorized", *READS)
"""Codes of every request that needs an API key."""
PAYMENT = ("account_frozen", "account_closed", "account_unavailable", "insufficient_funds", "balance_out_of_range")
"""Codes of every request that moves or holds money."""
ORDER = ("account_not_found", "same_account", "currency_mismatch", *PAYMENT)
"""Codes of every request that moves or holds money and names the accounts."""
WRITES = ("read_only_key", *OWN)
"""Codes of every request that needs an API key that may write."""
BODY = ("malformed_json", "unsupported_media_type", "body_too_large", "request_timeout")
"""Codes of every request with a body."""


def _open_enumeration(schema: dict[str, Any]) -> None:
    """Name the codes of this release; a client must expect others of later releases."""
    schema["anyOf"] = [{"enum": list(CODES)}, {"type": schema.pop("type")}]


class ProblemDetails(BaseModel):
    """The body of every error (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str = Field(json_schema_extra=_open_enumeration)
    request_id: str


class Problem(HTTPException):
    """An error that ends the request; `extra` are additional members of its body."""

    def __init__(self, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        self.code = code
        self.extra = extra
        super().__init__(CODES[code][0], detail, dict(headers or {}))


def invalid(location: tuple[str, ...], message: str, kind: str) -> RequestValidationError:
    """Return a 422 `validation_error` for a rule that no schema can express."""
    return RequestValidationError([{"loc": location, "msg": message, "type": kind}])


class ProblemResponse(JSONResponse):
    """The HTTP answer of a problem."""

    media_type = "application/problem+json"


def respond(
    scope: Scope,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> ProblemResponse:
    """Build the answer for an error code."""
    return ProblemResponse(details(scope, code, detail, extra), CODES[code][0], dict(headers or {}))


def details(scope: Scope, code: str, detail: str, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build the members of a problem; a replayed problem brings its first `request_id` in `extra`."""
    status, title = CODES[code]
    return {
        "type": f"urn:folio:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": scope["path"].encode(errors="replace").decode(),
        "code": code,
        "request_id": scope["state"]["request_id"],
        **(extra or {}),
    }


def respond_to(request: Request, problem: Problem) -> ProblemResponse:
    """Build the answer for a problem that a route raised."""
    return respond(request.scope, problem.code, problem.detail, headers=problem.headers, extra=problem.extra)


def answers(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses for the problems of an operation, by status."""
    statuses: dict[int | str, list[str]] = {}
    for code in dict.fromkeys(codes):
        statuses.setdefault(CODES[code][0], []).append(code)
    return {status: _answer(listed) for status, listed in sorted(statuses.items(), key=lambda item: str(item[0]))}


def _answer(codes: Sequence[str]) -> dict[str, Any]:
    examples = {
        code: {
            "summary": CODES[code][1],
            "value": {
                "type": f"urn:folio:problem:{code}",
                "title": CODES[code][1],
                "status": CODES[code][0],
                "detail": CODES[code][1] + ".",
                "instance": "/",
                "code": code,
                "request_id": "6f1c0b1de8a94b6f8c4d5f0a7b1e2c3d",
            },
        }
        for code in codes
    }
    return {
        "description": "; ".join(f"`{code}`: {CODES[code][1]}" for code in codes),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/ProblemDetails"},
                "examples": examples,
            }
        },
    }
