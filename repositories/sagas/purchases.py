"""A purchase in several commits over two databases that share no transaction.

Each step is one unit of work, idempotent by the purchase's id, and uses a connection of one database only:

    1. main     hold      the purchase is pending and its amount held
    2. catalog  reserve   the stock is lowered, or the lack of it recorded
    3. main     decide    paid and completed, or rejected with a reason and its money free: this commit decides
    4. catalog  confirm   the reservation is confirmed, or the stock given back
       main     finish    no process needs to look at the purchase again

and of each refund of it, by the id of the refund:

    1. main     refund    the money is paid back: this commit decides
    2. catalog  return    the quantity is back in stock
    3. main     returned  no process needs to look at the refund again

If the request that began a purchase cannot finish it, any process continues from the last committed step once the lease
of the purchase has expired.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from repositories.accounts import MAXIMUM
from repositories.api_keys import Caller
from repositories.idempotency_keys import Key
from repositories.ledger import purchases as ledger
from repositories.ledger.keys import Outcome, replay, run_keyed
from repositories.ledger.purchases import PurchaseOrder
from repositories.metadata import Metadata
from repositories.postgres import unit_of_work
from repositories.postgres.errors import DeadlineExceeded
from repositories.postgres.pools import Checkout, Pool
from repositories.postgres.statements import Connection
from repositories.purchases import LEASE_SECONDS, Purchase, PurchaseRepository
from repositories.refunds import Refund, RefundRepository
from repositories.refusals import Refusal
from repositories.reservations import ReservationRepository
from repositories.sagas import products

Result = TypeVar("Result")

FINISHED_AT_ONCE = 10
"""Purchases and refunds that one round of the job leases and finishes, one after the other."""
TIMEOUT = float(LEASE_SECONDS)
"""Seconds for a saga: a process works on a purchase only while its lease lasts."""


async def buy(
    pools: Mapping[str, Pool],
    main: Checkout,
    *,
    caller: Caller,
    product_id: int,
    quantity: int,
    account_id: int,
    price: int | None,
    reference: str | None = None,
    metadata: Metadata | None = None,
    key: Key,
) -> Outcome[Purchase]:
    """Begin a purchase, once for each key; `Saga.finish` takes the further steps unless it is a replay.

    The product is read first, without locks and with the main connection given back: while the catalog is away, nothing
    is stored. A repeat does not need the catalog.
    """
    if (earlier := await replay(main.connection, key)) is not None:
        return earlier
    await main.give_back()
    product = await products.read(pools, product_id)
    if product is None or product.archived_at is not None:
        return Outcome(Refusal("product_not_found", f"There is no product {product_id}."))
    if quantity * product.price > MAXIMUM:
        detail = "costs more than any account can pay"
        return Outcome(Refusal("validation_error", detail, location=("body", "quantity"), kind="amount_too_large"))
    await main.renew()
    order = PurchaseOrder(caller.user_id, product, quantity, account_id, price, reference, metadata)
    return await run_keyed(main, partial(ledger.begin, order=order, key=key), key=key, step="hold")


class Saga:
    """The steps of one purchase; `purchase` is its state as of the last confirmed commit."""

    def __init__(self, pools: Mapping[str, Pool], purchase: Purchase) -> None:
        self._pools = pools
        self.purchase = purchase

    async def finish(self) -> None:
        """Take every remaining step. Raises Fault if a database is away or too slow; another process continues then."""
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._take_steps()
        except TimeoutError:
            raise DeadlineExceeded("A step of the purchase took too long.") from None

    async def _take_steps(self) -> None:
        if self.purchase.status == "pending":
            reserved = await self._step("catalog", "reserve", self._reserve)
            decide = partial(ledger.decide, purchase=self.purchase, reserved=reserved)
            self.purchase = await self._step("main", "decide", decide)
        if not self.purchase.finished:
            await self._step("catalog", "confirm", self._confirm)
            await self._step("main", "finish", self._finish)
            self.purchase = replace(self.purchase, finished=True)
        if not self.purchase.returned:
            for refund in await self._step("main", "list", self._list_refunds):
                await self._step("catalog", "return", partial(self._give_back, refund=refund))
                await self._step("main", "returned", partial(self._finish_refund, refund=refund))
            self.purchase = replace(self.purchase, returned=True)

    async def _step(self, database: str, name: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run a step as one unit of work. If it runs again after a lost COMMIT, it finds its own effect."""
        async with self._pools[database].checkout() as checkout:
            return await unit_of_work.run(checkout, work, step=name, repeatable=True)

    async def _reserve(self, connection: Connection) -> bool:
        purchase = self.purchase
        return await ReservationRepository(connection).reserve(
            purchase_id=purchase.id, product_id=purchase.product_id, quantity=purchase.quantity
        )

    async def _confirm(self, connection: Connection) -> None:
        purchase, reservations = self.purchase, ReservationRepository(connection)
        sold = purchase.status != "rejected" and not purchase.released
        settle = reservations.confirm if sold else reservations.release
        await settle(purchase_id=purchase.id, product_id=purchase.product_id, quantity=purchase.quantity)

    async def _finish(self, connection: Connection) -> None:
        await PurchaseRepository(connection).finish(id=self.purchase.id, status=self.purchase.status)

    async def _list_refunds(self, connection: Connection) -> list[Refund]:
        return await RefundRepository(connection).list_unfinished(purchase_id=self.purchase.id)

    async def _give_back(self, connection: Connection, *, refund: Refund) -> None:
        purchase = self.purchase
        await ReservationRepository(connection).give_back(
            refund_id=refund.transfer_id,
            purchase_id=purchase.id,
            product_id=purchase.product_id,
            bought=purchase.quantity,
            quantity=refund.quantity,
        )

    async def _finish_refund(self, connection: Connection, *, refund: Refund) -> None:
        await RefundRepository(connection).finish(transfer_id=refund.transfer_id)


async def finish_abandoned(pools: Mapping[str, Pool]) -> int:
    """Finish unfinished purchases and refunds whose lease has expired; return how many were leased.

    Each is finished before the next is leased, so that no lease runs out while its purchase waits for others. A
    purchase that cannot be finished does not delay the others: the first error is raised after all were tried.
    """

    async def lease(connection: Connection) -> list[Purchase]:
        purchases = PurchaseRepository(connection)
        if leased := await purchases.lease(limit=1):
            return leased
        refunded = [
            await purchases.get(id=leased_id) for leased_id in await RefundRepository(connection).lease(limit=1)
        ]
        return [purchase for purchase in refunded if purchase is not None]

    count, errors = 0, list[Exception]()
    while count < FINISHED_AT_ONCE:
        async with pools["main"].checkout() as checkout:
            leased = await unit_of_work.run(checkout, lease)
        if not leased:
            break
        count += 1
        try:
            await Saga(pools, leased[0]).finish()
        except Exception as error:  # noqa: BLE001 - raised below
            errors.append(error)
    if errors:
        raise errors[0]
    return count
