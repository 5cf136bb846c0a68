"""API keys: the caller of a request, and the rights of their key."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Annotated

import psycopg
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.types import Scope

from api.http.dependencies import CurrentService, Main, OperatorMain
from api.http.problems import Problem
from api.http.rate_limits import TooMany, address, limit
from api.process.callers import CallerName, Callers, address_of
from api.process.service import Service, service_of
from repositories.api_keys import FORM, ApiKeyRepository, Caller, digest
from repositories.postgres import operation
from repositories.postgres.errors import Fault
from repositories.postgres.pools import Checkout

_BEARER = re.compile(rb"(?i:bearer) *")
_KEY = re.compile(rb"(?i:bearer) +(%s) *" % FORM.pattern.encode())


def judge_form(request: Request, *, needed: bool) -> bytes | None:
    """Return the SHA-256 of the request's key, or None without one. The key is not looked up yet.

    This takes no connection and no time, so it comes before the body of a request is awaited. Raises 401 if the key is
    malformed, or missing although it is needed; 429 if its address sent too many invalid keys, unless this process
    knows the key to be valid.
    """
    state = request.scope["state"]
    state["answer_depends_on_key"] = True
    key_digest: bytes | None = state["key_digest"]
    if key_digest is None:
        if _BEARER.match(state["headers"].get(b"authorization", b"")):
            raise unauthorized("The API key is malformed: it is folio_ and 43 characters.")
        if needed:
            raise unauthorized("Send an API key: Authorization: Bearer folio_…")
        return None
    callers = service_of(request.app).callers
    seconds = callers.blocked_seconds(address(request))
    if seconds and not callers.knows(key_digest):
        raise TooMany("Too many invalid API keys came from this address.", seconds)
    return key_digest


class KeyScheme(HTTPBearer):
    """The security scheme; as a dependency it gives the SHA-256 of the request's key, or None if there is none."""

    def __init__(self, *, needed: bool) -> None:
        super().__init__(
            auto_error=False,
            scheme_name="ApiKey",
            description="A key from `POST /users`, `folio operator add` or `folio key issue`.",
        )
        self.needed = needed

    async def __call__(self, request: Request) -> bytes | None:  # type: ignore[override]
        """Return the SHA-256 of the request's key."""
        return judge_form(request, needed=self.needed)


# Asked for before the connection: a request without a key of the right form takes none.
KeyDigestIfGiven = Annotated[bytes | None, Depends(KeyScheme(needed=False))]
KeyDigest = Annotated[bytes, Depends(KeyScheme(needed=True))]


async def look_up(key_digest: KeyDigest, service: CurrentService) -> None:
    """Let this request look its key up, however lately that was done: a revoked key must not issue another one."""
    service.callers.doubt(key_digest)


# Stands before the caller in a route's parameters.
KeyLookedUp = Annotated[None, Depends(look_up)]


async def authenticate(request: Request, key_digest: KeyDigest, main: Main) -> Caller:
    """Return the owner of the request's key. Raises 401 without a valid key, 429 after too many invalid ones."""
    return await _authenticate(request, key_digest, main)


async def authenticate_if_given(request: Request, key_digest: KeyDigestIfGiven, main: Main) -> Caller | None:
    """Return the owner of the request's key, or None if the request has no key."""
    return None if key_digest is None else await _authenticate(request, key_digest, main)


async def authenticate_before_catalog(request: Request, key_digest: KeyDigestIfGiven) -> Caller | None:
    """As `authenticate_if_given`, on a connection that is back before the route checks one of the catalog out."""
    return None if key_digest is None else await _authenticate_outside(request, key_digest)


async def authenticate_operator(request: Request, key_digest: KeyDigest, main: OperatorMain) -> Caller:
    """Return an operator, on the connection reserved for operators."""
    return _operator(await _authenticate(request, key_digest, main))


async def view_operations(
    request: Request, key_digest: KeyDigest, service: CurrentService
) -> AsyncIterator[Checkout | None]:
    """Check out the connection reserved for operators, if the request has an operator's key.

    If the main database is away, the result is None for an operator whose key was found good within the last hour: the
    route then leaves out what the database stores.
    """
    async with AsyncExitStack() as stack:
        main: Checkout | None
        try:
            main = await stack.enter_async_context(service.operator_pools["main"].checkout())
            _operator(await _authenticate(request, key_digest, main))
        except (Fault, psycopg.Error):
            caller = service.operators.recall(key_digest)
            if caller is None:
                raise
            request.state.user_id = caller.user_id
            main = None
        yield main


async def writer(request: Request, key_digest: KeyDigest, main: Main) -> Caller:
    """Return the caller if their key may write; raise 403 `read_only_key` otherwise."""
    return _writer(await _authenticate(request, key_digest, main))


async def writer_outside(request: Request, key_digest: KeyDigest) -> Caller:
    """As `writer`, on a connection that is back before the route waits for one."""
    return _writer(await _authenticate_outside(request, key_digest))


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


async def check_first(request: Request) -> None:
    """Raise 401 or 429 if a request about to be refused has an invalid key; a database that is away changes nothing."""
    key_digest = judge_form(request, needed=False)
    if key_digest is None:
        return
    try:
        await _authenticate_outside(request, key_digest)
    except (Fault, psycopg.Error):
        return


def unauthorized(detail: str) -> Problem:
    """Return the 401 that names the scheme."""
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def identify(scope: Scope, callers: Callers) -> CallerName:
    """Return the caller of a request as far as this process knows it: the owner of the key, otherwise the address.

    Keeps the SHA-256 of the key in the request's state, or None there without a key of the right form.
    """
    match = _KEY.fullmatch(scope["state"]["headers"].get(b"authorization", b""))
    client = scope.get("client")
    key_digest = scope["state"]["key_digest"] = None if match is None else digest(match[1].decode())
    return callers.name(key_digest, address_of(client[0] if client else ""))


async def _authenticate_outside(request: Request, key_digest: bytes) -> Caller:
    """Return the owner of a key; if it must be looked up, together with others, on a connection that is back then."""
    service = service_of(request.app)
    caller = await _find(service, key_digest, service.key_look_ups.run)
    if caller is None:
        async with service.pools["main"].checkout() as main:
            raise await _invalid_key(request, key_digest, main, service)
    return _authenticated(request, caller)


async def _authenticate(request: Request, key_digest: bytes, main: Checkout) -> Caller:
    """Return the owner of a key; if it must be looked up, on the connection that the request has."""
    service = service_of(request.app)

    async def look_up(key_digest: bytes) -> Caller | None:
        return await ApiKeyRepository(main.connection).authenticate(digest=key_digest)

    caller = await _find(service, key_digest, look_up)
    if caller is None:
        raise await _invalid_key(request, key_digest, main, service)
    return _authenticated(request, caller)


async def _find(
    service: Service, key_digest: bytes, look_up: Callable[[bytes], Awaitable[Caller | None]]
) -> Caller | None:
    """Return the owner of a key, which is looked up unless this process knows it to be valid; None if it is invalid."""
    caller = service.callers.find(key_digest)
    if caller is None:
        begun = service.callers.look_up()
        caller = await look_up(key_digest)
        if caller is not None:
            service.callers.confirm(key_digest, caller, begun)
            service.operators.remember(key_digest, caller)
    return caller


def _authenticated(request: Request, caller: Caller) -> Caller:
    request.state.user_id = caller.user_id
    if (serving := operation.current()) is not None:
        serving.caller = caller.user_id
    return caller


async def _invalid_key(request: Request, key_digest: bytes, main: Checkout, service: Service) -> Problem:
    """Count an invalid key for its address; return the 401, or the 429 beyond the limit."""
    service.forget_key(key_digest)
    try:
        await limit(request, main, kind="wrong_key", most=service.settings.wrong_keys_per_minute)
    except TooMany as refusal:
        service.callers.block(address(request), refusal.seconds)
        return refusal
    return unauthorized("The API key is unknown, revoked or expired.")


def _writer(caller: Caller) -> Caller:
    if caller.read_only:
        raise Problem("read_only_key", "This API key may only read.")
    return caller


def _operator(caller: Caller) -> Caller:
    if not caller.operator:
        raise Problem("operator_required", "Only an operator may do this.")
    return caller
