"""What /docs and /openapi.json say beyond what the routes say of themselves."""

from typing import Any

from fastapi import FastAPI

from api.http.problems import ProblemDetails

DESCRIPTION = """\
For people who publish, sell and pay each other.

- Amounts are integers in the currency's minor unit (ISO 4217): 1250 in EUR is 12.50 euros.
- `Authorize` with an API key: `POST /users` answers with one.
- POSTs that move money need an `Idempotency-Key`; a repeat under the same key gets the first answer again, with
  `Idempotency-Replayed: true`.
- Errors are `application/problem+json` (RFC 9457) with a `code`; lists are keyset pages, newest first.
"""


def describe(app: FastAPI) -> None:
    """Give the application's OpenAPI document the schema that every problem refers to, and leave out FastAPI's own."""
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
    """FastAPI describes its own validation error; every operation here answers a problem, declared or not."""
    answer = operation["responses"].get("422", {})
    answer.get("content", {}).pop("application/json", None)
