"""Problem details (RFC 9457): the answers built from the table of codes, and their part of the OpenAPI document."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Scope

from api.http.codes import CODES
from repositories.refusals import problem_type

BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}
"""Codes for the errors that the framework raises, by status."""

FAULTS = tuple(
    name for name, code in CODES.items() if code.status == HTTPStatus.SERVICE_UNAVAILABLE and name != "not_ready"
)
"""Codes of every request that needs a database."""
ANY = ("bad_request", "uri_too_long", "headers_too_large", "internal_error")
"""Codes of every request."""
READS = (*ANY, "validation_error", "too_many_requests", *FAULTS)
"""Codes of every request that only reads."""
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


SHARED = {
    "Unreadable": ("bad_request", "malformed_json"),
    "UnreadablePayment": ("bad_request", "malformed_json", "idempotency_key_missing"),
    "Unavailable": FAULTS,
}
"""Names of the responses in OpenAPI that several operations share. A response of one code is named after its code."""


def _open_enumeration(schema: dict[str, Any]) -> None:
    """Name the codes of this release; a client must expect others of later releases."""
    schema["anyOf"] = [{"type": "string", "enum": list(CODES)}, {"type": schema.pop("type")}]


class InvalidPart(BaseModel):
    """A part of a request that breaks the schema."""

    loc: list[str | int] = Field(description="the place: `body`, `query`, `path` or `header`, then names and indexes")
    message: str = Field(description="the rule that the part breaks")
    type: str = Field(description="the kind of rule, for programs")


class ProblemDetails(BaseModel):
    """The body of every error (RFC 9457). A code may add members of its own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`/problems/{code}`, the documentation of the code")
    title: str = Field(description="the code in words, the same for every request")
    status: int = Field(description="the HTTP status", ge=400, le=599)
    detail: str = Field(description="the cause in this request")
    instance: str = Field(description="the path of the request")
    code: str = Field(description="for programs; a later release may add codes", json_schema_extra=_open_enumeration)
    request_id: str = Field(description="`X-Request-Id` of the answer, and of the request's lines in the log")
    errors: list[InvalidPart] | None = Field(
        default=None, exclude_if=lambda errors: errors is None, description="with `validation_error`: at most 20 parts"
    )


class Problem(HTTPException):
    """An error that ends the request; `extra` are additional members of its body."""

    def __init__(self, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        self.code = code
        self.extra = extra
        super().__init__(CODES[code].status, detail, dict(headers or {}))


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
    return ProblemResponse(details(scope, code, detail, extra), CODES[code].status, dict(headers or {}))


def details(scope: Scope, code: str, detail: str, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build the members of a problem; a replayed problem brings its first `request_id` in `extra`."""
    return {
        "type": problem_type(code),
        "title": CODES[code].title,
        "status": CODES[code].status,
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
        statuses.setdefault(CODES[code].status, []).append(code)
    return {status: _reference(statuses[status]) for status in sorted(statuses, key=str)}


def shared_responses() -> dict[str, Any]:
    """Return the responses that `answers` refers to, by name."""
    single = {_pascal(code): (code,) for code in CODES}
    return {name: _response(codes) for name, codes in (single | SHARED).items()}


def examples() -> dict[str, Any]:
    """Return an example of each problem, by code."""
    return {
        name: {
            "summary": code.title,
            "value": {
                "type": problem_type(name),
                "title": code.title,
                "status": code.status,
                "detail": code.when,
                "instance": "/",
                "code": name,
                "request_id": "6f1c0b1de8a94b6f8c4d5f0a7b1e2c3d",
            },
        }
        for name, code in CODES.items()
    }


def _reference(codes: Sequence[str]) -> dict[str, Any]:
    name = next((name for name, shared in SHARED.items() if set(shared) == set(codes)), None)
    if name is None and len(codes) > 1:
        return _response(codes)
    return {"$ref": f"#/components/responses/{name or _pascal(codes[0])}"}


def _response(codes: Sequence[str]) -> dict[str, Any]:
    content = {
        "schema": {"$ref": "#/components/schemas/ProblemDetails"},
        "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
    }
    return {
        "description": "; ".join(f"`{code}`: {CODES[code].title}" for code in codes),
        "content": {ProblemResponse.media_type: content},
    }


def _pascal(code: str) -> str:
    return "".join(word.capitalize() for word in code.split("_"))
