"""Strict JSON bodies: RFC 8259 only, no duplicate members, and only with the content type application/json.

FastAPI's own parsing accepts NaN, Infinity and duplicate members, ignores the content type, and answers 500 to a lone
surrogate, to 1e999 and to binary data.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api.http.problems import Problem


class JsonRequest(Request):
    """A request with a strict `json()`."""

    async def json(self) -> Any:
        """Return the body's value, or None without a body. Raises 400 `malformed_json` if it is not strict JSON."""
        if not hasattr(self, "_json"):
            body = await self.body()
            self._json = parse(body) if body else None
        return self._json


class JsonRoute(APIRoute):
    """A route that takes a strict JSON body, or none; an optional body may be missing."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, called with a strict request."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None
        needs_body = self.body_field is not None and self.body_field.field_info.is_required()

        async def strict(request: Request) -> Response:
            if not takes_body:
                return await handle(request)
            request = JsonRequest(request.scope, request.receive)
            if not needs_body and not await request.body():
                return await handle(request)
            media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media_type != "application/json":
                raise Problem(
                    "unsupported_media_type", f"The Content-Type is {media_type or 'missing'}, not application/json."
                )
            if not await request.body():
                raise Problem("malformed_json", "The body is empty.")
            return await handle(request)

        return strict


def parse(body: bytes) -> Any:
    """Return the value of a JSON text in UTF-8. Raises 400 `malformed_json` otherwise."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique)
    except RecursionError:
        raise Problem("malformed_json", "The body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise Problem("malformed_json", "The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        position = f"line {error.lineno} column {error.colno}"
        raise Problem("malformed_json", f"The body is not JSON: {error.msg} at {position}.") from None
    except ValueError:
        # Python parses integers of up to 4,300 digits.
        raise Problem("malformed_json", "The body contains a number that is too long.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Problem("malformed_json", "The body contains an object with a duplicate member.")
    return members
