"""The OpenAPI document: its description, the schema of problems, and additions for generators of clients."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api.http.problems import ProblemDetails

DESCRIPTION = """\
Publish posts, sell products and move money between accounts.

- Amounts are integers in the currency's minor unit (ISO 4217): 1250 in EUR is 12.50 euros.
- Authenticate with an API key: `POST /users` returns one.
- A POST that moves money needs an `Idempotency-Key`. A retry with the same key gets the first answer again, with
  `Idempotency-Replayed: true`.
- Times are RFC 3339. A bound rounds up to the microsecond, and the time of a balance down. Leap seconds and more than
  nine digits after the point are refused.
- An `ETag` is strong and changes whenever the representation does. Use it exactly as it was sent: a weak one (`W/…`)
  matches no `If-Match`.
- Errors are `application/problem+json` (RFC 9457) with a `code`. Lists are keyset pages, newest first.
"""

REQUIRED_HEADERS = {"Idempotency-Key": "idempotency_key_missing", "If-Match": "precondition_required"}
"""Codes of the answers to a request that lacks a required header."""
MAX_INT32 = 2**31 - 1


def describe(app: FastAPI) -> None:
    """Add the schema of problems to the application's OpenAPI document, and drop FastAPI's own error schemas."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["ProblemDetails"] = ProblemDetails.model_json_schema()
            for operation in (operation for path in document["paths"].values() for operation in path.values()):
                _drop_default_422(operation)
                _require_headers(operation)
            _widen_integers(document)
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _require_headers(operation: dict[str, Any]) -> None:
    """Declare a header required if the operation answers 400 or 428 without it. FastAPI itself would answer 422."""
    codes = {
        code
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        for code in content.get("examples", {})
    }
    for parameter in operation.get("parameters", []):
        if REQUIRED_HEADERS.get(parameter["name"]) in codes:
            parameter["required"] = True
            [text] = [schema for schema in parameter["schema"].pop("anyOf") if schema["type"] == "string"]
            parameter["schema"] |= text


def _widen_integers(document: dict[str, Any]) -> None:
    """Give each integer that may exceed 32 bits its format: generated clients take 32 bits without it."""
    for schema in _objects(document):
        if schema.get("type") == "integer" and schema.get("maximum", MAX_INT32 + 1) > MAX_INT32:
            schema["format"] = "int64"


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(member)


def _drop_default_422(operation: dict[str, Any]) -> None:
    """Drop FastAPI's validation error, which it adds to every operation with parameters: the answer is a problem."""
    answer = operation["responses"].get("422", {})
    answer.get("content", {}).pop("application/json", None)
