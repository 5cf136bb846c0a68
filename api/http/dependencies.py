"""What routes ask for: a connection, the repositories on it, and the caller.

One connection of a database per request, given back before the answer is sent (scope="function"), so that neither a
slow client nor a lost COMMIT hides behind it (TRAPS 1). A route that needs both databases gives one's connection back
before it waits for the other's.
"""

import ipaddress
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.http.problems import Problem
from api.process.jobs import Background
from api.process.settings import Settings
from repositories.accounts import AccountRepository
from repositories.api_keys import ApiKeyRepository, Caller
from repositories.entries import EntryRepository
from repositories.holds import HoldRepository
from repositories.postgres.pools import Checkout, Database
from repositories.postgres.statements import Connection
from repositories.posts import PostRepository
from repositories.purchases import PurchaseRepository
from repositories.request_counts import RequestCountRepository
from repositories.transfers import TransferRepository
from repositories.users import UserRepository

Repository = TypeVar("Repository")

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="API key",
    description="A key from `POST /users`, `folio operator add` or `folio key issue`.",
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def get_settings(request: Request) -> Settings:
    """Return the settings of the application."""
    settings: Settings = request.app.state.settings
    return settings


def get_databases(request: Request) -> Mapping[str, Database]:
    """Return both databases, for a route that takes its connections one after the other."""
    databases: Mapping[str, Database] = request.app.state.databases
    return databases


def get_background(request: Request) -> Background:
    """Return where work goes on that outlives its request."""
    background: Background = request.app.state.background
    return background


AppSettings = Annotated[Settings, Depends(get_settings)]
Databases = Annotated[Mapping[str, Database], Depends(get_databases)]
InBackground = Annotated[Background, Depends(get_background)]


async def checkout_main(databases: Databases) -> AsyncIterator[Checkout]:
    """Hold a connection to the main database for this request."""
    async with databases["main"].checkout() as checkout:
        yield checkout


async def checkout_operations(request: Request) -> AsyncIterator[Checkout]:
    """Hold the connection to the main database that is for operations, outside the pools: they may be exhausted."""
    async with request.app.state.operations["main"].checkout() as checkout:
        yield checkout


Main = Annotated[Checkout, Depends(checkout_main, scope="function")]
Operations = Annotated[Checkout, Depends(checkout_operations, scope="function")]


def _repository(kind: Callable[[Connection], Repository]) -> Callable[[Checkout], Repository]:
    def provide(main: Main) -> Repository:
        return kind(main.connection)

    return provide


Users = Annotated[UserRepository, Depends(_repository(UserRepository))]
ApiKeys = Annotated[ApiKeyRepository, Depends(_repository(ApiKeyRepository))]
Posts = Annotated[PostRepository, Depends(_repository(PostRepository))]
Accounts = Annotated[AccountRepository, Depends(_repository(AccountRepository))]
Entries = Annotated[EntryRepository, Depends(_repository(EntryRepository))]
Holds = Annotated[HoldRepository, Depends(_repository(HoldRepository))]
Transfers = Annotated[TransferRepository, Depends(_repository(TransferRepository))]
Purchases = Annotated[PurchaseRepository, Depends(_repository(PurchaseRepository))]


async def authenticate(request: Request, credentials: Credentials, main: Main, settings: AppSettings) -> Caller:
    """Return whose key the request came with; 401 without a good one, 429 after too many wrong ones.

    A good key is never refused for the wrong ones that its address sent: many users may share an address.
    """
    if credentials is None:
        raise unauthorized("Send an API key: Authorization: Bearer folio_…")
    caller = await ApiKeyRepository(main.connection).authenticate(secret=credentials.credentials)
    if caller is None:
        await limit(request, main, kind="wrong_key", most=settings.wrong_keys_per_minute)
        raise unauthorized("The API key is unknown, revoked or expired.")
    request.state.user_id = caller.user_id
    return caller


async def authenticate_if_given(
    request: Request, credentials: Credentials, main: Main, settings: AppSettings
) -> Caller | None:
    """Return whose key the request came with, or None where it came with none."""
    if credentials is None:
        return None
    return await authenticate(request, credentials, main, settings)


async def authenticate_apart(
    request: Request, credentials: Credentials, databases: Databases, settings: AppSettings
) -> Caller | None:
    """As `authenticate_if_given`, on a connection that is back before the route takes one of the catalog."""
    if credentials is None:
        return None
    async with databases["main"].checkout() as main:
        return await authenticate(request, credentials, main, settings)


async def authenticate_on_call(
    request: Request, credentials: Credentials, operations: Operations, settings: AppSettings
) -> Caller:
    """As `authenticate`, outside the pools."""
    return await authenticate(request, credentials, operations, settings)


def _writer(caller: Caller) -> Caller:
    if caller.read_only:
        raise Problem("read_only_key", "This API key may only read.")
    return caller


async def writer(caller: Annotated[Caller, Depends(authenticate)]) -> Caller:
    """Return the caller, whose key may write."""
    return _writer(caller)


def _operator(caller: Caller) -> Caller:
    if not caller.operator:
        raise Problem("operator_required", "Only an operator may do this.")
    return caller


async def operator_writer(caller: Annotated[Caller, Depends(writer)]) -> Caller:
    """Return the caller, who is an operator and whose key may write."""
    return _operator(caller)


async def on_call(caller: Annotated[Caller, Depends(authenticate_on_call)]) -> Caller:
    """Return the caller, who is an operator; outside the pools."""
    return _operator(caller)


async def on_call_writer(caller: Annotated[Caller, Depends(authenticate_on_call)]) -> Caller:
    """Return the caller, who is an operator and whose key may write; outside the pools."""
    return _operator(_writer(caller))


Member = Annotated[Caller, Depends(authenticate)]
Anyone = Annotated[Caller | None, Depends(authenticate_if_given)]
AnyoneApart = Annotated[Caller | None, Depends(authenticate_apart)]
Writer = Annotated[Caller, Depends(writer)]
OperatorWriter = Annotated[Caller, Depends(operator_writer)]
OnCall = Annotated[Caller, Depends(on_call)]
OnCallWriter = Annotated[Caller, Depends(on_call_writer)]


async def limit(request: Request, main: Checkout, *, kind: str, most: int) -> None:
    """Count this request for its address; 429 where the present minute has had more than `most` (0: no limit)."""
    if most == 0:
        return
    counted = await RequestCountRepository(main.connection).add(kind=kind, address=_address(request))
    if counted.count > most:
        raise Problem(
            "too_many_requests",
            f"At most {most} a minute from one address.",
            headers={"Retry-After": str(max(1, counted.seconds_left))},
        )


def _address(request: Request) -> str:
    """Return the client's IPv4 address, or the /64 of its IPv6 address, which is what one household has."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


def unauthorized(detail: str) -> Problem:
    """Return the 401 that names the scheme."""
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
