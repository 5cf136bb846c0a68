"""API keys: the caller of a request, and what their key permits."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

import psycopg
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.http.dependencies import CurrentService, Main, OperatorMain
from api.http.problems import Problem
from api.http.rate_limits import limit
from repositories.api_keys import ApiKeyRepository, Caller
from repositories.postgres.errors import Fault
from repositories.postgres.pools import Checkout

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="API key",
    description="A key from `POST /users`, `folio operator add` or `folio key issue`.",
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def authenticate(request: Request, credentials: Credentials, main: Main, service: CurrentService) -> Caller:
    """Return the owner of the request's key. Raises 401 without a valid key, 429 after too many invalid ones.

    A valid key is never refused because of invalid ones from its address: many users may share an address.
    """
    return await _authenticate(request, credentials, main, service)


async def authenticate_if_given(
    request: Request, credentials: Credentials, main: Main, service: CurrentService
) -> Caller | None:
    """Return the owner of the request's key, or None if the request has no key."""
    return None if credentials is None else await _authenticate(request, credentials, main, service)


async def authenticate_before_catalog(
    request: Request, credentials: Credentials, service: CurrentService
) -> Caller | None:
    """As `authenticate_if_given`, on a connection that is back before the route checks one of the catalog out."""
    if credentials is None:
        return None
    async with service.pools["main"].checkout() as main:
        return await _authenticate(request, credentials, main, service)


async def authenticate_operator(
    request: Request, credentials: Credentials, main: OperatorMain, service: CurrentService
) -> Caller:
    """Return an operator, on the connection reserved for operators."""
    return _operator(await _authenticate(request, credentials, main, service))


async def view_operations(
    request: Request, credentials: Credentials, service: CurrentService
) -> AsyncIterator[Checkout | None]:
    """Check out the connection reserved for operators, if the request has an operator's key.

    If the main database is away, the result is None for an operator whose key was found good within the last hour: the
    route then leaves out what the database stores.
    """
    async with AsyncExitStack() as stack:
        main: Checkout | None
        try:
            main = await stack.enter_async_context(service.operator_pools["main"].checkout())
            _operator(await _authenticate(request, credentials, main, service))
        except (Fault, psycopg.Error):
            caller = None if credentials is None else service.operators.recall(credentials.credentials)
            if caller is None:
                raise
            request.state.user_id = caller.user_id
            main = None
        yield main


async def writer(caller: Annotated[Caller, Depends(authenticate)]) -> Caller:
    """Return the caller if their key may write; raise 403 `read_only_key` otherwise."""
    return _writer(caller)


async def operator_writer(caller: Annotated[Caller, Depends(writer)]) -> Caller:
    """Return an operator whose key may write."""
    return _operator(caller)


async def on_call_writer(caller: Annotated[Caller, Depends(authenticate_operator)]) -> Caller:
    """Return an operator whose key may write, on the connection reserved for operators."""
    return _writer(caller)


Member = Annotated[Caller, Depends(authenticate)]
Anyone = Annotated[Caller | None, Depends(authenticate_if_given)]
AnyoneBeforeCatalog = Annotated[Caller | None, Depends(authenticate_before_catalog)]
Writer = Annotated[Caller, Depends(writer)]
OperatorWriter = Annotated[Caller, Depends(operator_writer)]
OnCall = Annotated[Caller, Depends(authenticate_operator)]
OperatorView = Annotated[Checkout | None, Depends(view_operations, scope="function")]
OnCallWriter = Annotated[Caller, Depends(on_call_writer)]


def unauthorized(detail: str) -> Problem:
    """Return the 401 that names the scheme."""
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


async def _authenticate(
    request: Request, credentials: HTTPAuthorizationCredentials | None, main: Checkout, service: CurrentService
) -> Caller:
    if credentials is None:
        raise unauthorized("Send an API key: Authorization: Bearer folio_…")
    caller = await ApiKeyRepository(main.connection).authenticate(secret=credentials.credentials)
    service.operators.remember(credentials.credentials, caller)
    if caller is None:
        await limit(request, main, kind="wrong_key", most=service.settings.wrong_keys_per_minute)
        raise unauthorized("The API key is unknown, revoked or expired.")
    request.state.user_id = caller.user_id
    return caller


def _writer(caller: Caller) -> Caller:
    if caller.read_only:
        raise Problem("read_only_key", "This API key may only read.")
    return caller


def _operator(caller: Caller) -> Caller:
    if not caller.operator:
        raise Problem("operator_required", "Only an operator may do this.")
    return caller
