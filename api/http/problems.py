"""Problem details (RFC 9457): every error that Folio answers, by its code."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Scope

CODES: dict[str, tuple[int, str]] = {
    "bad_request": (400, "The request cannot be understood"),
    "malformed_json": (400, "The body is not JSON"),
    "idempotency_key_missing": (400, "An Idempotency-Key is needed"),
    "unauthorized": (401, "A valid API key is needed"),
    "read_only_key": (403, "The API key may only read"),
    "operator_required": (403, "Only an operator may do this"),
    "not_owner": (403, "Only its owner may do this"),
    "not_found": (404, "There is nothing here"),
    "user_not_found": (404, "There is no such user"),
    "api_key_not_found": (404, "There is no such API key"),
    "post_not_found": (404, "There is no such post"),
    "account_not_found": (404, "There is no such account"),
    "transfer_not_found": (404, "There is no such transfer"),
    "hold_not_found": (404, "There is no such hold"),
    "product_not_found": (404, "There is no such product"),
    "purchase_not_found": (404, "There is no such purchase"),
    "audit_not_found": (404, "No audit has run yet"),
    "method_not_allowed": (405, "The method is not allowed here"),
    "request_timeout": (408, "The request took too long to arrive"),
    "username_taken": (409, "The username is taken"),
    "email_taken": (409, "The e-mail address is taken"),
    "balance_not_zero": (409, "Something is still owned or held"),
    "purchases_pending": (409, "A purchase is not at its end"),
    "account_frozen": (409, "The account is frozen"),
    "account_closed": (409, "The account is closed"),
    "version_mismatch": (409, "The account has changed"),
    "hold_not_active": (409, "The hold is over"),
    "hold_expired": (409, "The hold has expired"),
    "already_reversed": (409, "The transfer was reversed already"),
    "pays_purchase": (409, "The transfer belongs to a purchase"),
    "already_refunded": (409, "The purchase was refunded already"),
    "purchase_not_completed": (409, "The purchase is not completed"),
    "price_changed": (409, "The product has another price"),
    "seller_changed": (409, "The payee account no longer belongs to the seller"),
    "product_archived": (409, "The product is off sale"),
    "below_minimum": (409, "The account has less than the new minimum"),
    "audit_running": (409, "An audit is running"),
    "precondition_failed": (412, "The resource has changed"),
    "body_too_large": (413, "The body is too large"),
    "uri_too_long": (414, "The URL is too long"),
    "unsupported_media_type": (415, "The body must be application/json"),
    "validation_error": (422, "The request breaks the schema"),
    "same_account": (422, "Payer and payee are the same account"),
    "currency_mismatch": (422, "The currencies differ"),
    "insufficient_funds": (422, "The account has too little"),
    "out_of_stock": (422, "There is too little of the product"),
    "balance_out_of_range": (422, "The balance would be too large to be exact"),
    "idempotency_key_reused": (422, "The Idempotency-Key was used for another request"),
    "precondition_required": (428, "An If-Match header is needed"),
    "too_many_requests": (429, "Too many requests"),
    "headers_too_large": (431, "The headers are too large"),
    "internal_error": (500, "Folio made a mistake"),
    "contention": (503, "Other transactions were in the way"),
    "database_error": (503, "The database answered with an error"),
    "database_overloaded": (503, "The database is out of a resource"),
    "database_read_only": (503, "The database accepts no writes"),
    "database_unavailable": (503, "The database cannot be reached"),
    "deadline_exceeded": (503, "The request took too long"),
    "disk_full": (503, "The database's disk is full"),
    "lock_timeout": (503, "Something stayed locked for too long"),
    "not_ready": (503, "Folio is not ready"),
    "outcome_unknown": (503, "The outcome is unknown"),
    "overloaded": (503, "Too many requests at once"),
    "pool_exhausted": (503, "No database connection is free"),
    "statement_timeout": (503, "A statement took too long"),
    "too_many_connections": (503, "The database has no free connection"),
    "transaction_rolled_back": (503, "The transaction was rolled back"),
    "transaction_timeout": (503, "The transaction took too long"),
}
"""Status and title of each code."""

BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}
"""The code of an error that the framework raised."""

FAULTS = tuple(
    code for code, (status, _) in CODES.items() if status == HTTPStatus.SERVICE_UNAVAILABLE and code != "not_ready"
)
"""What any request that needs a database may be answered while that has trouble."""
READS = ("bad_request", "validation_error", "internal_error", *FAULTS)
"""What any request may be answered."""
OWN = ("unauthorized", "too_many_requests", *READS)
"""What any request that needs an API key may be answered."""
PAYMENT = ("account_frozen", "account_closed", "insufficient_funds", "balance_out_of_range")
"""What anything that moves or promises money may be refused for."""
ORDER = ("account_not_found", "same_account", "currency_mismatch", *PAYMENT)
"""What may be refused where the request names the accounts."""
WRITES = ("read_only_key", *OWN)
"""What any request that needs an API key and changes something may be answered."""
BODY = ("malformed_json", "unsupported_media_type", "body_too_large", "request_timeout")
"""What any request with a body may be answered."""


class ProblemDetails(BaseModel):
    """The body of every error (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str


class Problem(HTTPException):
    """An error to be answered; `extra` are further members of its body."""

    def __init__(self, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        self.code = code
        self.extra = extra
        super().__init__(CODES[code][0], detail, dict(headers or {}))


def invalid(where: tuple[str, ...], message: str, kind: str) -> RequestValidationError:
    """Return the 422 `validation_error` of something that no schema can tell."""
    return RequestValidationError([{"loc": where, "msg": message, "type": kind}])


class ProblemResponse(JSONResponse):
    """An error on its way out."""

    media_type = "application/problem+json"


def respond(
    scope: Scope,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> ProblemResponse:
    """Build the answer for a code."""
    return ProblemResponse(details(scope, code, detail, extra), CODES[code][0], dict(headers or {}))


def details(scope: Scope, code: str, detail: str, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build the members of a problem; a `request_id` in `extra` wins over this request's, for replayed answers."""
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
    """Build the answer for a problem that was raised."""
    return respond(request.scope, problem.code, problem.detail, headers=problem.headers, extra=problem.extra)


def answers(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Describe for OpenAPI which problems an operation may answer, by status."""
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
