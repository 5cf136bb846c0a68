"""Strict bodies and parameters: RFC 8259 only, no duplicate members, and no part of a request that a route ignores.

FastAPI's own parsing accepts NaN, Infinity and duplicate members, ignores the content type, and answers 500 to a lone
surrogate, to 1e999 and to binary data.
"""

import codecs
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NoReturn

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api.http.authentication import KeyScheme, check_first, judge_form
from api.http.problems import Problem, invalid

MAX_MEMBERS = 100
"""Most members of an object: several times as many as any object of the API has."""
MAX_VALUES = 50_000
"""Most objects and members of a body: several times as many as a batch of 1,000 transfers has."""


class JsonRequest(Request):
    """A request with a strict `json()`."""

    async def json(self) -> Any:
        """Return the body's value, or None without a body. Raises 400 `malformed_json` if it is not strict JSON."""
        if not hasattr(self, "_json"):
            body = await self.body()
            self._json = parse(body) if body else None
        return self._json


class JsonRoute(APIRoute):
    """A route that refuses every part of a request that it would ignore; 401 comes before any other refusal.

    A body is strict JSON. An optional body may be missing. A POST that takes no member accepts no body or `{}`; GET,
    HEAD and DELETE accept no body.
    """

    strict_query = True

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, called with a strict request."""
        handle = super().get_route_handler()
        dependants = list(_tree(self.dependant))
        schemes = [dependant.call for dependant in dependants if isinstance(dependant.call, KeyScheme)]
        takes_key, needs_key = bool(schemes), any(scheme.needed for scheme in schemes)
        parameters = {field.alias for dependant in dependants for field in dependant.query_params}
        strict_query = self.strict_query
        check_body = self._body_check()

        async def strict(request: Request) -> Response:
            headers = request.scope["state"]["headers"]
            if takes_key:
                judge_form(request, needed=needs_key)
            if self.body_field is not None:
                request = JsonRequest(request.scope, request.receive)
            try:
                if strict_query and request.scope["query_string"]:
                    _check_query(request, parameters)
                await check_body(request, headers)
            except (Problem, RequestValidationError):
                if takes_key:
                    await check_first(request)
                raise
            return await handle(request)

        return strict

    def _body_check(self) -> Callable[[Request, dict[bytes, bytes]], Coroutine[Any, Any, None]]:
        if self.body_field is not None:
            return _check_required if self.body_field.field_info.is_required() else _check_optional
        return _check_none if (self.methods or set()) <= {"GET", "HEAD", "DELETE"} else _check_empty


class OperationsRoute(JsonRoute):
    """A route for programs that watch Folio, which may add parameters of their own to a URL."""

    strict_query = False


async def _check_required(request: Request, headers: dict[bytes, bytes]) -> None:
    _check_type(headers)
    if not await request.body():
        raise Problem("malformed_json", "The body is empty.")
    await request.json()


async def _check_optional(request: Request, headers: dict[bytes, bytes]) -> None:
    if await request.body():
        _check_type(headers)
        await request.json()


async def _check_empty(request: Request, headers: dict[bytes, bytes]) -> None:
    if not (body := await request.body()):
        return
    _check_type(headers)
    value = parse(body)
    if not isinstance(value, dict):
        raise invalid(("body",), "must be an empty object", "not_empty")
    if value:
        raise _all_invalid("body", value, "is no member here: this request takes none", "extra_forbidden")


async def _check_none(request: Request, headers: dict[bytes, bytes]) -> None:
    length = headers.get(b"content-length", b"0")
    if length.strip(b"0") or (b"transfer-encoding" in headers and await _any_bytes(request)):
        close = {"Connection": "close"}
        raise Problem("bad_request", f"A {request.method} request has no body.", headers=close)


async def _any_bytes(request: Request) -> bool:
    async for piece in request.stream():
        if piece:
            return True
    return False


def _check_type(headers: dict[bytes, bytes]) -> None:
    media_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem("unsupported_media_type", f"The Content-Type is {media_type or 'missing'}, not application/json.")
    if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"identity", b""}:
        raise Problem("unsupported_media_type", "The body is encoded; send it without Content-Encoding.")


def _check_query(request: Request, parameters: set[str]) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    if unknown := [name for name in dict.fromkeys(names) if name not in parameters]:
        raise _all_invalid("query", unknown, "is no parameter of this request", "extra_forbidden")
    if len(names) > len(set(names)):
        repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        raise _all_invalid("query", repeated, "stands in the URL more than once", "repeated")


def _all_invalid(place: str, names: Any, message: str, kind: str) -> RequestValidationError:
    return RequestValidationError([{"loc": (place, name), "msg": message, "type": kind} for name in names])


def _tree(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for below in dependant.dependencies:
        yield from _tree(below)


def parse(body: bytes) -> Any:
    """Return the value of a JSON text in UTF-8, which may begin with a byte order mark.

    Raises 400 `malformed_json` if it is not strict JSON, and 422 if it has too many members.
    """
    try:
        text = body.removeprefix(codecs.BOM_UTF8).decode()
        return json.loads(text, object_pairs_hook=_Members().unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise Problem("malformed_json", "The body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise Problem("malformed_json", "The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        position = f"line {error.lineno} column {error.colno}"
        raise Problem("malformed_json", f"The body is not JSON: {error.msg} at {position}.") from None
    except RequestValidationError:
        raise
    except ValueError:
        # Python parses integers of up to 4,300 digits.
        raise Problem("malformed_json", "The body contains a number that is too long.") from None


class _Members:
    """The members of one body, counted before anything is made of them."""

    def __init__(self) -> None:
        self._count = 0

    def unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Return the members of an object as a dictionary."""
        self._count += len(pairs) + 1
        if len(pairs) > MAX_MEMBERS:
            raise invalid(("body",), f"has an object with more than {MAX_MEMBERS} members", "too_many_members")
        if self._count > MAX_VALUES:
            raise invalid(("body",), f"has more than {MAX_VALUES} values", "too_many_values")
        members = dict(pairs)
        if len(members) != len(pairs):
            raise Problem("malformed_json", "The body contains an object with a duplicate member.")
        return members


def _refuse_constant(name: str) -> NoReturn:
    raise Problem("malformed_json", f"The body is not JSON: {name} is not a number.")
