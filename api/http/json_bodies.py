"""JSON bodies, strictly: RFC 8259 and nothing beside it, no member twice, and only where it is called JSON.

FastAPI's own parsing turns several of these into 500 or accepts them (see TRAPS, "Bad input").
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api.http.problems import Problem


class JsonRequest(Request):
    """A request whose `json()` is strict."""

    async def json(self) -> Any:
        """Return the value of the body, None if there is no body; raise 400 if it is not strict JSON."""
        if not hasattr(self, "_json"):
            body = await self.body()
            self._json = parse(body) if body else None
        return self._json


class JsonRoute(APIRoute):
    """A route whose body, where it takes one, is strict JSON of that type; one that is not required may be missing."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the strict request in place of the plain one."""
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
                    "unsupported_media_type", f"The body is {media_type or 'of no type'}, not application/json."
                )
            if not await request.body():
                raise Problem("malformed_json", "The body is empty.")
            return await handle(request)

        return strict


def parse(body: bytes) -> Any:
    """Return the value of a JSON text in UTF-8; a 400 problem otherwise."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique)
    except RecursionError:
        raise Problem("malformed_json", "The body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise Problem("malformed_json", "The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise Problem("malformed_json", f"The body is not JSON: {error.msg} at {where}.") from None
    except ValueError:
        # Python reads integers of up to 4,300 digits.
        raise Problem("malformed_json", "The body has a number that is too long.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Problem("malformed_json", "The body has an object with a member twice.")
    return members
