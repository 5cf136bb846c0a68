"""Exceptions to problems: the only module that knows both the errors of `repositories` and HTTP."""

from collections.abc import Sequence
from functools import partial

import psycopg
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from api.http import problems
from api.http.faults import defect_response, fault_response, log_fault
from api.http.problems import Problem, respond, respond_to
from repositories.idempotency_keys import KeyReused
from repositories.postgres.errors import Defect, Fault, Taken, fault

MAX_ERRORS = 20
"""Errors that an answer lists."""
MAX_NAME_LENGTH = 100
"""Characters of a member's or parameter's name that an answer quotes."""
TAKEN = {
    "users_username_key": ("username_taken", "Another user has or had this username."),
    "users_email_key": ("email_taken", "Another user has this e-mail address."),
}
"""Code and detail by unique constraint."""


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class
    return respond_to(request, error)


async def _framework(request: Request, error: Exception, routers: Sequence[APIRouter]) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    code = problems.BY_STATUS.get(error.status_code, "bad_request")
    headers = {"Allow": _allowed(request, routers)} if code == "method_not_allowed" else error.headers
    return respond(request.scope, code, str(error.detail), headers=headers)


def _allowed(request: Request, routers: Sequence[APIRouter]) -> str:
    """Return every method of the path: Starlette returns only those of the first matching route."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    methods = {method for route in matching for method in route.methods or ()}
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    # The input is left out: it may be long, or contain lone surrogates, which JSON in UTF-8 cannot carry.
    every = error.errors()
    errors = [
        {"loc": [_shown(part) for part in item["loc"]], "message": item["msg"], "type": item["type"]}
        for item in every[:MAX_ERRORS]
    ]
    location = ".".join(str(part) for part in errors[0]["loc"])
    detail = f"{location}: {errors[0]['message']}" + (f" (and {len(every) - 1} more)" if len(every) > 1 else "")
    return respond(request.scope, "validation_error", detail, extra={"errors": errors})


async def _fault(request: Request, error: Exception) -> Response:
    known = fault(error) if isinstance(error, psycopg.Error) else error
    assert isinstance(known, Fault | Defect)  # noqa: S101 - registered for these classes
    log_fault(request.scope, error, known)
    return defect_response(request.scope) if isinstance(known, Defect) else fault_response(request.scope, known)


async def _taken(request: Request, error: Exception) -> Response:
    assert isinstance(error, Taken)  # noqa: S101 - registered for this class
    if error.constraint not in TAKEN:
        # A constraint that no request should violate, or one of several that the server does not name.
        return await _fault(request, error.__cause__ if isinstance(error.__cause__, psycopg.Error) else error)
    return respond(request.scope, *TAKEN[error.constraint])


async def _key_reused(request: Request, _: Exception) -> Response:
    detail = "This Idempotency-Key was used with another method, path or body. Use a new key."
    return respond(request.scope, "idempotency_key_reused", detail)


def register(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Register the handlers; any other exception is a bug in Folio, and RequestMiddleware answers it."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, partial(_framework, routers=routers))
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Fault, _fault)
    app.add_exception_handler(Defect, _fault)
    app.add_exception_handler(psycopg.Error, _fault)
    app.add_exception_handler(Taken, _taken)
    app.add_exception_handler(KeyReused, _key_reused)


def _shown(part: str | int) -> str | int:
    """Return a part of a location. A name may be long or contain a lone surrogate: it is cut and cleaned."""
    return part[:MAX_NAME_LENGTH].encode(errors="replace").decode() if isinstance(part, str) else part
