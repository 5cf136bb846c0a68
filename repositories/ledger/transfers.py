"""Transfers: one, many in one unit of work, and reversed.

Each function is one unit of work in the same order: lock, look for the key, judge, write.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from repositories.api_keys import Caller
from repositories.idempotency_keys import Key
from repositories.ledger.accounts import Accounts, lock
from repositories.ledger.keys import Outcome, refuse, replay, store_text
from repositories.ledger.orders import apply, judge_transfer, write
from repositories.postgres.slices import sliced
from repositories.postgres.statements import Connection
from repositories.refusals import Refusal
from repositories.transfers import ShownTransfer, Transfer, TransferOrder, TransferRepository


async def transfer(connection: Connection, *, order: TransferOrder, key: Key) -> Outcome[ShownTransfer]:
    """Move money as ordered, once for each key."""
    accounts = await lock(connection, pairs=[order.account_ids], owner_id=order.ordered_by)
    if (earlier := await replay(connection, key)) is not None:
        return earlier
    return await _write_one(connection, order, accounts, key)


async def transfer_batch(
    connection: Connection,
    *,
    orders: Sequence[TransferOrder],
    atomic: bool,
    key: Key,
    to_text: Callable[[list[Transfer | Refusal]], Awaitable[str]],
) -> Outcome[str]:
    """Judge orders one after the other, each on the balances that the earlier ones left, and write the accepted ones.

    All are ordered by the same user. `to_text` renders the results, one for each order, as the JSON text of the answer,
    which is the outcome. If `atomic`, the first refusal refuses all, with its index. Other requests are served between
    slices of the orders.
    """
    pairs = (order.account_ids for order in orders)
    accounts = await lock(connection, pairs=pairs, owner_id=orders[0].ordered_by)
    if (earlier := await replay(connection, key)) is not None:
        return earlier
    refusals: list[Refusal | None] = []
    async for order in sliced(orders):
        refusal = judge_transfer(order, accounts)
        if refusal is None:
            apply(order, accounts)
        elif atomic:
            return await refuse(connection, key, replace(refusal, index=len(refusals)))
        refusals.append(refusal)
    accepted = [order for order, refusal in zip(orders, refusals, strict=True) if refusal is None]
    transfers = iter(await write(connection, accepted, accounts))
    results = [refusal or next(transfers) for refusal in refusals]
    return await store_text(connection, key, kind="batch", text=await to_text(results))


async def reverse(
    connection: Connection, *, transfer_id: int, amount: int | None, caller: Caller, key: Key
) -> Outcome[ShownTransfer]:
    """Pay `amount` of a transfer back, all that is left of it if None, as its recipient or an operator."""
    original = await TransferRepository(connection).get(id=transfer_id)
    if original is None or not caller.may_see(original):
        return await replay(connection, key) or Outcome(_not_found(transfer_id))
    order = TransferOrder(
        ordered_by=caller.user_id,
        from_account_id=original.to_account_id,
        to_account_id=original.from_account_id,
        amount=amount or original.amount,
        reverses_id=original.id,
        reference=original.reference,
        inherited_from=original.reference_by,
        consented=True,
    )
    accounts = await lock(connection, pairs=[order.account_ids])
    if (earlier := await replay(connection, key)) is not None:
        return earlier
    if not caller.operator and caller.user_id != accounts[order.from_account_id].owner_id:
        if caller.user_id != accounts[order.to_account_id].owner_id:
            return Outcome(_not_found(transfer_id))
        return Outcome(Refusal("not_owner", "Only the recipient or an operator reverses a transfer."))
    left = original.amount - await TransferRepository(connection).sum_reversed(id=original.id)
    conflict = _reversal_conflict(original, amount, left)
    return await _write_one(
        connection, replace(order, amount=amount or left or original.amount), accounts, key, conflict
    )


async def _write_one(
    connection: Connection, order: TransferOrder, accounts: Accounts, key: Key, conflict: Refusal | None = None
) -> Outcome[ShownTransfer]:
    """Judge an order over locked accounts, and write it or store its refusal under the key."""
    refusal = judge_transfer(order, accounts, conflict)
    if refusal is not None:
        return await refuse(connection, key, refusal)
    [row] = await write(connection, [order], accounts, key)
    return Outcome(ShownTransfer(row, row.accounts_of(order.ordered_by)))


def _reversal_conflict(original: Transfer, amount: int | None, left: int) -> Refusal | None:
    """Refuse the reversal of a transfer that belongs to a purchase, or of more than is `left` of it."""
    if not left:
        return Refusal("already_reversed", f"Nothing of transfer {original.id} is left to reverse.")
    if original.purchase_id is not None:
        detail = f"It belongs to purchase {original.purchase_id}: refund the purchase instead."
        return Refusal("pays_purchase", detail)
    if amount is not None and amount > left:
        detail = f"{left} of transfer {original.id} is left to reverse, in minor units."
        return Refusal("exceeds_reversible", detail, reversible=left)
    return None


def _not_found(transfer_id: int) -> Refusal:
    return Refusal("transfer_not_found", f"There is no transfer {transfer_id}.")
