"""Purchases in the main database: begun with their money held, decided, refunded.

Each function is one unit of work in the same order: lock, look for the key, judge, write.
"""

from dataclasses import dataclass, replace

from repositories.api_keys import Caller
from repositories.idempotency_keys import Key
from repositories.ledger.accounts import Accounts, lock
from repositories.ledger.keys import Outcome, refuse, replay, store
from repositories.ledger.orders import count, judge_hold, judge_transfer, write
from repositories.metadata import Metadata
from repositories.postgres.statements import Connection
from repositories.products import Product
from repositories.purchases import Purchase, PurchaseRepository
from repositories.refunds import RefundRepository
from repositories.refusals import Refusal
from repositories.transfers import TransferOrder


@dataclass(frozen=True)
class PurchaseOrder:
    """A buyer's order of a product as the catalog showed it. `price` is the unit price that the buyer expects."""

    buyer_id: int
    product: Product
    quantity: int
    account_id: int
    price: int | None
    reference: str | None = None
    metadata: Metadata | None = None

    @property
    def transfer(self) -> TransferOrder:
        """The transfer that would pay it."""
        return TransferOrder(
            ordered_by=self.buyer_id,
            from_account_id=self.account_id,
            to_account_id=self.product.account_id,
            amount=self.quantity * self.product.price,
            currency=self.product.currency,
        )


@dataclass(frozen=True)
class RefundOrder:
    """The part of a purchase to refund: a quantity at its price, an amount of money alone, or all that is left."""

    quantity: int | None = None
    amount: int | None = None

    def of(self, purchase: Purchase) -> tuple[int, int]:
        """Return the amount to pay back, and the quantity that goes back to stock."""
        if self.quantity is not None:
            return self.quantity * purchase.unit_price, self.quantity
        if self.amount is not None:
            return self.amount, 0
        return purchase.amount - purchase.refunded_amount, purchase.quantity - purchase.refunded_quantity


async def begin(connection: Connection, *, order: PurchaseOrder, key: Key) -> Outcome[Purchase]:
    """Begin a purchase as pending, with its amount held; a refused order holds nothing."""
    product = order.product
    accounts = await lock(connection, pairs=[order.transfer.account_ids], owner_id=order.buyer_id)
    if (earlier := await replay(connection, key)) is not None:
        return earlier
    refusal = judge_hold(order.transfer, accounts, _conflict(order, accounts))
    if refusal is not None:
        return await refuse(connection, key, refusal)
    purchase = await PurchaseRepository(connection).insert(
        buyer_id=order.buyer_id,
        product_id=product.id,
        quantity=order.quantity,
        unit_price=product.price,
        account_id=order.account_id,
        payee_account_id=product.account_id,
        reference=order.reference,
        metadata=order.metadata,
    )
    return await _store(connection, key, purchase)


async def decide(connection: Connection, *, purchase: Purchase, reserved: bool) -> Purchase:
    """Pay a pending purchase if its stock is reserved and the order is accepted; otherwise reject it with the reason.

    Its hold ends either way. This commit decides the purchase.
    """
    purchase, accounts = await _lock(connection, purchase)
    if purchase.status != "pending":
        return purchase
    payer = accounts[purchase.account_id]
    accounts[payer.id] = replace(payer, held=payer.held - purchase.amount)
    order = TransferOrder(
        ordered_by=purchase.buyer_id,
        from_account_id=purchase.account_id,
        to_account_id=purchase.payee_account_id,
        amount=purchase.amount,
        description=f"Purchase {purchase.id}",
        reference=purchase.reference,
        consented=True,
    )
    if reserved:
        refusal = judge_transfer(order, accounts)
    else:
        refusal = Refusal("out_of_stock", "Out of stock.")
        count(refusal.code)
    purchases = PurchaseRepository(connection)
    await purchases.free(id=purchase.id)
    if refusal is not None:
        await purchases.reject(id=purchase.id, reason=refusal.code)
        return replace(purchase, status="rejected", reason=refusal.code)
    [payment] = await write(connection, [order], accounts)
    await purchases.complete(id=purchase.id, transfer_id=payment.id)
    return replace(purchase, status="completed", transfer_id=payment.id)


async def refund(
    connection: Connection, *, purchase_id: int, part: RefundOrder, caller: Caller, key: Key
) -> Outcome[Purchase]:
    """Pay a part of a completed purchase back, as its seller or an operator. The saga returns its quantity to stock."""
    purchase = await PurchaseRepository(connection).get(id=purchase_id)
    if purchase is None or not caller.may_see(purchase):
        not_found = Refusal("purchase_not_found", f"There is no purchase {purchase_id}.")
        return await replay(connection, key) or Outcome(not_found)
    purchase, accounts = await _lock(connection, purchase)
    if (earlier := await replay(connection, key)) is not None:
        return earlier
    if not caller.operator and caller.user_id != purchase.seller_id:
        return Outcome(Refusal("not_owner", "Only the seller or an operator refunds a purchase."))
    amount, quantity = part.of(purchase)
    order = TransferOrder(
        ordered_by=caller.user_id,
        from_account_id=purchase.payee_account_id,
        to_account_id=purchase.account_id,
        amount=amount,
        description=f"Refund of purchase {purchase.id}",
        reverses_id=purchase.transfer_id,
        reference=purchase.reference,
        inherited_from=purchase.buyer_id,
        consented=True,
    )
    refusal = judge_transfer(order, accounts, _refund_conflict(purchase, amount, quantity))
    if refusal is not None:
        return await refuse(connection, key, refusal)
    [payment] = await write(connection, [order], accounts)
    await RefundRepository(connection).insert(transfer_id=payment.id, purchase_id=purchase.id, quantity=quantity)
    refunded = replace(
        purchase,
        refunded_amount=purchase.refunded_amount + amount,
        refunded_quantity=purchase.refunded_quantity + quantity,
        returned=purchase.returned and not quantity,
    )
    if refunded.refunded_amount == purchase.amount:
        await PurchaseRepository(connection).refund(id=purchase.id)
        refunded = replace(refunded, status="refunded")
    return await _store(connection, key, refunded)


async def _lock(connection: Connection, purchase: Purchase) -> tuple[Purchase, Accounts]:
    """Lock the accounts of a purchase and then the purchase; return both as they are then."""
    accounts = await lock(connection, pairs=[(purchase.account_id, purchase.payee_account_id)])
    return await PurchaseRepository(connection).lock(id=purchase.id), accounts


async def _store(connection: Connection, key: Key, purchase: Purchase) -> Outcome[Purchase]:
    """Store the id alone: a repeat shows the purchase as it is by then."""
    return await store(connection, key, kind="purchase", id=purchase.id, result=purchase, to_answer=lambda _: None)


def _refund_conflict(purchase: Purchase, amount: int, quantity: int) -> Refusal | None:
    if purchase.status == "refunded":
        return Refusal("already_refunded", f"Purchase {purchase.id} was refunded already.")
    if purchase.status != "completed":
        return Refusal("purchase_not_completed", f"Purchase {purchase.id} is {purchase.status}.")
    left, quantity_left = purchase.amount - purchase.refunded_amount, purchase.quantity - purchase.refunded_quantity
    if amount > left or quantity > quantity_left:
        detail = f"{left} in minor units, and a quantity of {quantity_left}, is left of purchase {purchase.id}."
        return Refusal("exceeds_reversible", detail, reversible=left, reversible_quantity=quantity_left)
    return None


def _conflict(order: PurchaseOrder, accounts: Accounts) -> Refusal | None:
    product = order.product
    payee = accounts.get(product.account_id)
    if payee is not None and payee.owner_id != product.seller_id:
        return Refusal("seller_changed", f"Account {payee.id} no longer belongs to the seller of product {product.id}.")
    if order.price not in {None, product.price}:
        return Refusal("price_changed", f"Product {product.id} costs {product.price} now.")
    return None
