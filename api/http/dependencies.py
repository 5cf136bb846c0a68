"""What a route asks for: the service of the process, a connection, the repositories on that connection.

A request has one connection of a database at a time. It goes back to the pool before the answer is sent
(scope="function"), so that a slow client keeps none. A route that needs both databases gives one connection back before
it waits for the other.

Every dependency is `async`: FastAPI runs a plain function in a thread, which costs a fifth of a request. The
dependencies of every request have few dependencies of their own: FastAPI walks the whole tree, repeated ones included.
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from api.process.service import Service, get_service, service_of
from repositories.accounts import AccountRepository
from repositories.api_keys import ApiKeyRepository
from repositories.entries import EntryRepository
from repositories.holds import HoldRepository
from repositories.postgres.pools import Checkout
from repositories.postgres.statements import Connection
from repositories.posts import PostRepository
from repositories.purchases import PurchaseRepository
from repositories.transfers import TransferRepository
from repositories.users import UserRepository

Repository = TypeVar("Repository")

CurrentService = Annotated[Service, Depends(get_service)]


async def checkout_main(request: Request) -> AsyncIterator[Checkout]:
    """Check a connection to the main database out for this request."""
    async with service_of(request.app).pools["main"].checkout() as checkout:
        yield checkout


async def checkout_for_operator(request: Request) -> AsyncIterator[Checkout]:
    """Check out the connection to the main database that is reserved for operators, outside the pools."""
    async with service_of(request.app).operator_pools["main"].checkout() as checkout:
        yield checkout


Main = Annotated[Checkout, Depends(checkout_main, scope="function")]
OperatorMain = Annotated[Checkout, Depends(checkout_for_operator, scope="function")]


def _repository(kind: Callable[[Connection], Repository]) -> Callable[[Checkout], Coroutine[Any, Any, Repository]]:
    async def provide(main: Main) -> Repository:
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
