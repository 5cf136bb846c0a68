"""Purchases: orders of products, decided and paid in the main database."""

import builtins
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from repositories.api_keys import Caller
from repositories.metadata import Metadata, as_json
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
LIST = statement("main/purchases/list")
LIST_BY_PARTY = statement("main/purchases/list_by_party")
LIST_BY_REFERENCE = statement("main/purchases/list_by_reference")
LIST_BY_WRITER = statement("main/purchases/list_by_writer")
LIST_AFTER = statement("main/purchases/list_after")
KNOWN = statement("main/purchases/known")

LEASE_SECONDS = 15
"""Seconds for which an unfinished purchase is leased to one process: longer than a request or a step takes."""


@dataclass(frozen=True)
class Purchase:
    """A purchase, with the present owner of the payee account as its seller; amounts in minor units."""

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
    """True if the catalog has recorded the decision."""
    created_at: datetime
    reference: str | None
    metadata: Metadata | None
    refunded_amount: int
    refunded_quantity: int
    returned: bool
    """True if the catalog has taken back the quantity of every refund."""
    released: bool
    """True if the release before refunded it: in full, by releasing its reservation."""

    @property
    def settled(self) -> bool:
        """Return True if the catalog knows everything that was decided."""
        return self.finished and self.returned

    @property
    def owner_ids(self) -> frozenset[int]:
        """Return the owners: the users that may see the row."""
        return frozenset({self.buyer_id, self.seller_id})

    def shown_to(self, caller: Caller) -> Self:
        """Return the purchase without the reference and the metadata, if the caller may not read them."""
        return self if caller.may_read(self.buyer_id) else replace(self, reference=None, metadata=None)


@dataclass(frozen=True)
class UnfinishedCount:
    """The number of unfinished purchases by state, and the seconds for which the oldest has been waiting."""

    pending: int
    unconfirmed: int
    oldest_seconds: float


@dataclass(frozen=True)
class UnfinishedPurchase:
    """An unfinished purchase, and the time since when its next step is due."""

    id: int
    status: str
    since: datetime


@dataclass(frozen=True)
class PurchaseState:
    """The columns of a purchase that the catalog's reservation must agree with."""

    id: int
    product_id: int
    quantity: int
    status: str
    finished: bool
    """True if the catalog knows the decision and every refund."""
    refunded_quantity: int


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
        reference: str | None = None,
        metadata: Metadata | None = None,
    ) -> Purchase:
        """Write an accepted purchase as pending, leased to this process, and hold its amount. Both accounts are locked.

        The lease lasts LEASE_SECONDS.
        """
        [purchase_id] = await INSERT.values(
            self._connection,
            buyer_id=buyer_id,
            product_id=product_id,
            quantity=quantity,
            unit_price=unit_price,
            amount=quantity * unit_price,
            account_id=account_id,
            payee_account_id=payee_account_id,
            lease=LEASE_SECONDS,
            reference=reference,
            metadata=as_json(metadata),
        )
        return await GET.one(self._connection, Purchase, id=purchase_id)

    async def get(self, *, id: int) -> Purchase | None:
        """Return the purchase as it was last committed, or None."""
        return await GET.maybe(self._connection, Purchase, id=id)

    async def lock(self, *, id: int) -> Purchase:
        """Lock a purchase that exists, after its accounts; return it as it is under the lock."""
        await LOCK.run(self._connection, id=id)
        return await GET.one(self._connection, Purchase, id=id)

    async def free(self, *, id: int) -> None:
        """Free the held amount of a locked, pending purchase; the same unit of work decides it afterwards."""
        await FREE.run(self._connection, id=id)

    async def complete(self, *, id: int, transfer_id: int) -> None:
        """Mark a locked, pending purchase as paid by a transfer."""
        await DECIDE.run(self._connection, id=id, status="completed", reason=None, transfer_id=transfer_id)

    async def reject(self, *, id: int, reason: str) -> None:
        """Mark a locked, pending purchase as rejected."""
        await DECIDE.run(self._connection, id=id, status="rejected", reason=reason, transfer_id=None)

    async def refund(self, *, id: int) -> None:
        """Mark a locked, completed purchase as refunded: its whole amount was paid back."""
        await REFUND.run(self._connection, id=id)

    async def finish(self, *, id: int, status: str) -> None:
        """Record that the catalog knows this status; a no-op if the purchase has another status by now."""
        await FINISH.run(self._connection, id=id, status=status)

    async def lease(self, *, limit: int) -> builtins.list[Purchase]:
        """Lease unfinished purchases that are neither leased nor locked, and return them."""
        return await LEASE.all(self._connection, Purchase, seconds=LEASE_SECONDS, limit=limit)

    async def count_unfinished(self) -> UnfinishedCount:
        """Count the unfinished purchases."""
        return await COUNT_UNFINISHED.one(self._connection, UnfinishedCount)

    async def list_unfinished(self, *, limit: int) -> builtins.list[UnfinishedPurchase]:
        """Return unfinished purchases, the longest waiting first."""
        return await LIST_UNFINISHED.all(self._connection, UnfinishedPurchase, limit=limit)

    async def has_unfinished(self, *, user_id: int) -> bool:
        """Return True if a user buys or sells in an unfinished purchase; the user and all accounts are locked."""
        [exists] = await UNFINISHED_OF.values(self._connection, user_id=user_id)
        return bool(exists)

    async def has_bought(self, *, buyer_id: int, product_id: int) -> bool:
        """Return True if a user bought a product, or is buying it."""
        [exists] = await BOUGHT.values(self._connection, buyer_id=buyer_id, product_id=product_id)
        return bool(exists)

    async def list(self, *, party_id: int | None, status: str | None = None, page: Keyset) -> list[Purchase]:
        """Return the purchases and sales of a user, else all purchases; of a status, else of any; newest first."""
        arguments = page.arguments() | {"status": status}
        if party_id is not None:
            return await LIST_BY_PARTY.all(self._connection, Purchase, user_id=party_id, **arguments)
        return await LIST.all(self._connection, Purchase, **arguments)

    async def list_by_reference(
        self, *, reference: str, buyer_id: int | None, status: str | None = None, page: Keyset
    ) -> builtins.list[Purchase]:
        """Return the purchases with this reference, of a buyer or of all; of a status, else of any; newest first."""
        arguments = page.arguments() | {"reference": reference, "status": status}
        if buyer_id is not None:
            return await LIST_BY_WRITER.all(self._connection, Purchase, buyer_id=buyer_id, **arguments)
        return await LIST_BY_REFERENCE.all(self._connection, Purchase, **arguments)

    async def list_after(self, *, after_id: int, age: int, limit: int) -> builtins.list[PurchaseState]:
        """Return a page of purchases, by id, that are unfinished or were decided at least `age` seconds ago."""
        return await LIST_AFTER.all(self._connection, PurchaseState, after_id=after_id, age=age, limit=limit)

    async def known(self, *, ids: Iterable[int]) -> set[int]:
        """Return the ids that are ids of purchases."""
        return set(await KNOWN.values(self._connection, ids=list(ids)))
