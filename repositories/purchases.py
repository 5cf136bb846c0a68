"""Purchases: money for a product of the catalog, decided in the main database."""

import builtins
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from repositories.postgres.keyset import Keyset
from repositories.postgres.statements import Connection, statement

INSERT = statement("main/purchases/insert")
GET = statement("main/purchases/get")
LOCK = statement("main/purchases/lock")
FREE = statement("main/purchases/free")
DECIDE = statement("main/purchases/decide")
REFUND = statement("main/purchases/refund")
FINISH = statement("main/purchases/finish")
LEASE = statement("main/purchases/lease")
COUNT_UNFINISHED = statement("main/purchases/count_unfinished")
LIST_UNFINISHED = statement("main/purchases/list_unfinished")
UNFINISHED_OF = statement("main/purchases/unfinished_of")
BOUGHT = statement("main/purchases/bought")
FIND_PAID = statement("main/purchases/find_paid")
LIST = statement("main/purchases/list")
LIST_BY_PARTY = statement("main/purchases/list_by_party")
LIST_AFTER = statement("main/purchases/list_after")
KNOWN = statement("main/purchases/known")

LEASE_SECONDS = 15
"""Seconds for which one process has an unfinished purchase to itself: longer than a request or a step takes."""


@dataclass(frozen=True)
class Purchase:
    """A purchase and whose account is paid now; amounts in minor units."""

    id: int
    buyer_id: int
    product_id: int
    quantity: int
    unit_price: int
    amount: int
    currency: str
    account_id: int
    payee_account_id: int
    seller_id: int
    status: str
    reason: str | None
    transfer_id: int | None
    finished: bool
    """Whether the catalog knows how it was decided."""
    created_at: datetime

    @property
    def owner_ids(self) -> frozenset[int]:
        """Return the users who may see it."""
        return frozenset({self.buyer_id, self.seller_id})


@dataclass(frozen=True)
class Unfinished:
    """How many purchases are not at their end, and for how many seconds the oldest has been waiting."""

    pending: int
    unconfirmed: int
    oldest_seconds: float


@dataclass(frozen=True)
class Waiting:
    """A purchase that is not at its end, and since when its next step is due."""

    id: int
    status: str
    since: datetime


@dataclass(frozen=True)
class Compared:
    """What of a purchase the catalog's reservation must agree with."""

    id: int
    product_id: int
    quantity: int
    status: str
    finished: bool


class PurchaseRepository:
    """The purchases of one connection to the main database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(
        self,
        *,
        buyer_id: int,
        product_id: int,
        quantity: int,
        unit_price: int,
        account_id: int,
        payee_account_id: int,
    ) -> Purchase:
        """Write a decided purchase as pending, leased to the caller, and hold its amount; both accounts are locked."""
        [made] = await INSERT.values(
            self._connection,
            buyer_id=buyer_id,
            product_id=product_id,
            quantity=quantity,
            unit_price=unit_price,
            amount=quantity * unit_price,
            account_id=account_id,
            payee_account_id=payee_account_id,
            lease=LEASE_SECONDS,
        )
        return await GET.one(self._connection, Purchase, id=made)

    async def get(self, *, id: int) -> Purchase | None:
        """Return the purchase as it was last committed, or None."""
        return await GET.maybe(self._connection, Purchase, id=id)

    async def lock(self, *, id: int) -> Purchase:
        """Lock a purchase that exists, after its accounts, and return it as it is then."""
        await LOCK.run(self._connection, id=id)
        return await GET.one(self._connection, Purchase, id=id)

    async def free(self, *, id: int) -> None:
        """Free what a locked, pending purchase holds; its unit of work goes on to decide it."""
        await FREE.run(self._connection, id=id)

    async def complete(self, *, id: int, transfer_id: int) -> None:
        """Mark a locked, pending purchase as paid by a transfer."""
        await DECIDE.run(self._connection, id=id, status="completed", reason=None, transfer_id=transfer_id)

    async def reject(self, *, id: int, reason: str) -> None:
        """Mark a locked, pending purchase as rejected."""
        await DECIDE.run(self._connection, id=id, status="rejected", reason=reason, transfer_id=None)

    async def refund(self, *, id: int) -> None:
        """Mark a locked, completed purchase as refunded, leased to the caller, who gives the stock back."""
        await REFUND.run(self._connection, id=id, lease=LEASE_SECONDS)

    async def finish(self, *, id: int, status: str) -> None:
        """Note that the catalog knows this status; nothing where the purchase has another by now."""
        await FINISH.run(self._connection, id=id, status=status)

    async def lease(self, *, limit: int) -> builtins.list[Purchase]:
        """Lease unfinished purchases that nobody is at work on, and return them."""
        return await LEASE.all(self._connection, Purchase, seconds=LEASE_SECONDS, limit=limit)

    async def count_unfinished(self) -> Unfinished:
        """Count what is not at its end."""
        return await COUNT_UNFINISHED.one(self._connection, Unfinished)

    async def list_unfinished(self, *, limit: int) -> builtins.list[Waiting]:
        """Return what is not at its end, the longest waiting first."""
        return await LIST_UNFINISHED.all(self._connection, Waiting, limit=limit)

    async def unfinished_of(self, *, user_id: int) -> bool:
        """Tell whether a user, locked with all accounts, buys or sells something that is not at its end."""
        [found] = await UNFINISHED_OF.values(self._connection, user_id=user_id)
        return bool(found)

    async def bought(self, *, buyer_id: int, product_id: int) -> bool:
        """Tell whether a user bought a product, or is buying it."""
        [found] = await BOUGHT.values(self._connection, buyer_id=buyer_id, product_id=product_id)
        return bool(found)

    async def find_paid(self, *, transfer_id: int) -> int | None:
        """Return the id of the purchase that a transfer paid, or None."""
        found = await FIND_PAID.values(self._connection, transfer_id=transfer_id)
        return found[0] if found else None

    async def list(self, *, party_id: int | None, page: Keyset) -> list[Purchase]:
        """Return what a user bought and sold, or all purchases, newest first."""
        if party_id is not None:
            return await LIST_BY_PARTY.all(self._connection, Purchase, user_id=party_id, **page.arguments())
        return await LIST.all(self._connection, Purchase, **page.arguments())

    async def list_after(self, *, after_id: int, age: int, limit: int) -> builtins.list[Compared]:
        """Return a page of purchases, by id, that are unfinished or were decided `age` seconds ago or earlier."""
        return await LIST_AFTER.all(self._connection, Compared, after_id=after_id, age=age, limit=limit)

    async def known(self, *, ids: Iterable[int]) -> set[int]:
        """Return which of these purchases exist."""
        return set(await KNOWN.values(self._connection, ids=list(ids)))
