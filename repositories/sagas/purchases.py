"""Decisions on purchases, and the saga that carries each out over two databases that share no transaction.

Every step is one unit of work, idempotent by the purchase's id, and holds a connection of one database only:

    1. main     hold      purchase pending, its amount held
    2. catalog  reserve   stock lowered, or too little noted
    3. main     decide    paid and completed, or freed and rejected with a reason: this commit decides
    4. catalog  confirm   sold, or given back
       main     finish    no worker needs to look again

Whoever takes a purchase up goes on from where it stands: the request that began it, or any worker after its lease.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from repositories.ledger import transfers as ledger
from repositories.postgres import unit_of_work as units
from repositories.postgres.errors import DeadlineExceeded
from repositories.postgres.failpoints import reach
from repositories.postgres.pools import Database
from repositories.postgres.statements import Connection
from repositories.products import Product
from repositories.purchases import LEASED, Purchase, PurchaseRepository
from repositories.refusals import Refusal
from repositories.reservations import ReservationRepository
from repositories.transfers import Order

Result = TypeVar("Result")
Locked = tuple[Purchase, ledger.Accounts]

LEASES = 10
"""Purchases that a worker leases at a time, and finishes one after the other."""
TIMEOUT = float(LEASED)
"""Seconds in which a saga gets as far as it gets: nobody is at work on a purchase for longer than it is leased."""


@dataclass(frozen=True)
class Wanted:
    """A product as it was read, and what somebody wants of it; `price` is what they expect one to cost."""

    buyer_id: int
    product: Product
    quantity: int
    account_id: int
    price: int | None

    @property
    def order(self) -> Order:
        """What it would pay."""
        return Order(
            ordered_by=self.buyer_id,
            from_account_id=self.account_id,
            to_account_id=self.product.account_id,
            amount=self.quantity * self.product.price,
            currency=self.product.currency,
        )


async def begin(connection: Connection, accounts: ledger.Accounts, *, wanted: Wanted) -> Purchase | Refusal:
    """Hold the money of a purchase over locked accounts; nothing is held where it is refused."""
    product = wanted.product
    conflict = None
    payee = accounts.get(product.account_id)
    if payee is not None and payee.owner_id != product.seller_id:
        conflict = Refusal("product_archived", f"Account {payee.id} is not the seller's any more.")
    elif wanted.price not in {None, product.price}:
        conflict = Refusal("price_changed", f"Product {product.id} costs {product.price} now.")
    refusal = ledger.judge_promise(wanted.order, accounts, conflict)
    if refusal is not None:
        return refusal
    purchase = await PurchaseRepository(connection).insert(
        buyer_id=wanted.buyer_id,
        product_id=product.id,
        quantity=wanted.quantity,
        unit_price=product.price,
        account_id=wanted.account_id,
        payee_account_id=product.account_id,
    )
    reach("before hold")
    return purchase


async def lock(connection: Connection, *, purchase: Purchase) -> Locked:
    """Lock the accounts of a purchase and then the purchase, and return all as they are then."""
    accounts = await ledger.lock(connection, ids=[purchase.account_id, purchase.payee_account_id])
    return await PurchaseRepository(connection).lock(id=purchase.id), accounts


async def refund(connection: Connection, locked: Locked, *, ordered_by: int, operator: bool) -> Purchase | Refusal:
    """Pay a completed purchase back, once, for the seller or an operator; the stock is still to be given back."""
    purchase, accounts = locked
    if not operator and ordered_by != purchase.seller_id:
        return Refusal("not_owner", "Only the seller or an operator refunds a purchase.")
    order = Order(
        ordered_by=ordered_by,
        from_account_id=purchase.payee_account_id,
        to_account_id=purchase.account_id,
        amount=purchase.amount,
        description=f"Refund of purchase {purchase.id}",
        reverses_id=purchase.transfer_id,
        consented=True,
    )
    conflict = None
    if purchase.status == "refunded":
        conflict = Refusal("already_refunded", f"Purchase {purchase.id} was refunded already.")
    elif purchase.status != "completed":
        conflict = Refusal("purchase_not_completed", f"Purchase {purchase.id} is {purchase.status}.")
    refusal = ledger.judge(order, accounts, conflict)
    if refusal is not None:
        return refusal
    await ledger.write(connection, [order], accounts)
    await PurchaseRepository(connection).refund(id=purchase.id)
    return replace(purchase, status="refunded", finished=False)


class Saga:
    """One purchase on its way; `purchase` is how it stands, as far as was confirmed."""

    def __init__(self, databases: Mapping[str, Database], purchase: Purchase) -> None:
        self._databases = databases
        self.purchase = purchase

    async def finish(self) -> None:
        """Take every step that is left. Fault where a database is away or too slow: who leases it next goes on."""
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._take_steps()
        except TimeoutError:
            raise DeadlineExceeded("A database kept a purchase waiting.") from None

    async def _take_steps(self) -> None:
        if self.purchase.status == "pending":
            reserved = await self._step("catalog", "reserve", self._reserve)
            self.purchase = await self._step("main", "decide", partial(self._decide, reserved=reserved))
        if not self.purchase.finished:
            await self._step("catalog", "confirm", self._confirm)
            await self._step("main", "finish", self._finish)
            self.purchase = replace(self.purchase, finished=True)

    async def _step(self, database: str, name: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        async def step(connection: Connection) -> Result:
            result = await work(connection)
            reach(f"before {name}")
            return result

        async with self._databases[database].checkout() as checkout:
            # Run again after a COMMIT that was not confirmed, each step finds what it did.
            result = await units.run(checkout, step, keyed=True)
        reach(f"after {name}")
        return result

    async def _reserve(self, connection: Connection) -> bool:
        purchase = self.purchase
        return await ReservationRepository(connection).reserve(
            purchase_id=purchase.id, product_id=purchase.product_id, quantity=purchase.quantity
        )

    async def _decide(self, connection: Connection, *, reserved: bool) -> Purchase:
        purchase, accounts = await lock(connection, purchase=self.purchase)
        if purchase.status != "pending":
            return purchase
        payer = accounts[purchase.account_id]
        accounts[payer.id] = replace(payer, held=payer.held - purchase.amount)
        order = Order(
            ordered_by=purchase.buyer_id,
            from_account_id=purchase.account_id,
            to_account_id=purchase.payee_account_id,
            amount=purchase.amount,
            description=f"Purchase {purchase.id}",
            consented=True,
        )
        refusal = None
        if reserved:
            refusal = ledger.judge(order, accounts)
        else:
            units.count_transfers("out_of_stock")
        reason = refusal.code if refusal else "out_of_stock"
        purchases = PurchaseRepository(connection)
        await purchases.free(id=purchase.id)
        if refusal or not reserved:
            await purchases.reject(id=purchase.id, reason=reason)
            return replace(purchase, status="rejected", reason=reason)
        [receipt] = await ledger.write(connection, [order], accounts)
        await purchases.complete(id=purchase.id, transfer_id=receipt.id)
        return replace(purchase, status="completed", transfer_id=receipt.id)

    async def _confirm(self, connection: Connection) -> None:
        purchase, reservations = self.purchase, ReservationRepository(connection)
        if purchase.status == "completed":
            await reservations.confirm(purchase_id=purchase.id)
        else:
            await reservations.release(
                purchase_id=purchase.id, product_id=purchase.product_id, quantity=purchase.quantity
            )

    async def _finish(self, connection: Connection) -> None:
        await PurchaseRepository(connection).finish(id=self.purchase.id, status=self.purchase.status)


async def finish_abandoned(databases: Mapping[str, Database]) -> int:
    """Lease purchases that nobody is at work on, whoever began them, and finish them; return how many.

    One that cannot be finished keeps no other waiting: the first error is raised after all were tried.
    """

    async def lease(connection: Connection) -> list[Purchase]:
        return await PurchaseRepository(connection).lease(limit=LEASES)

    async with databases["main"].checkout() as checkout:
        leased = await units.run(checkout, lease)
    errors: list[Exception] = []
    for purchase in leased:
        try:
            await Saga(databases, purchase).finish()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised below
            errors.append(error)
    if errors:
        raise errors[0]
    return len(leased)
