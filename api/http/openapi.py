"""The OpenAPI document: its description, and the schema that all problems share."""

from typing import Any

from fastapi import FastAPI

from api.http.problems import ProblemDetails

DESCRIPTION = """\
Publish posts, sell products and move money between accounts.

- Amounts are integers in the currency's minor unit (ISO 4217): 1250 in EUR is 12.50 euros.
- Authenticate with an API key: `POST /users` returns one.
- A POST that moves money needs an `Idempotency-Key`. A retry with the same key gets the first answer again, with
  `Idempotency-Replayed: true`.
- Errors are `application/problem+json` (RFC 9457) with a `code`. Lists are keyset pages, newest first.
"""


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
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _drop_default_422(operation: dict[str, Any]) -> None:
    """Drop FastAPI's validation error, which it adds to every operation with parameters: the answer is a problem."""
    answer = operation["responses"].get("422", {})
    answer.get("content", {}).pop("application/json", None)
