"""The ledger's decisions: what is transferred and reversed, and what is refused and why.

A unit of work locks the accounts, then the hold or purchase, looks for the key, decides, and then writes: one lock
order, and an earlier answer wins over any refusal (TRAPS 6 and 7). Every decision stands on locked rows only, and is
made by `judge`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from repositories.accounts import MAXIMUM, Account, AccountRepository
from repositories.holds import HoldRepository
from repositories.idempotency_keys import Key
from repositories.postgres import unit_of_work as units
from repositories.postgres.statements import Connection
from repositories.purchases import PurchaseRepository
from repositories.refusals import Refusal
from repositories.transfers import Order, Receipt, TransferRepository, Written

OVERDUE_OF_ONE = 10_000
"""Overdue holds of its accounts that a unit of work expires itself at the most, where the sweep is that far behind."""

Accounts = dict[int, Account]
"""Locked accounts by id, as they are now."""


async def lock(connection: Connection, *, ids: Iterable[int]) -> Accounts:
    """Lock accounts FOR NO KEY UPDATE in id order, expire what is overdue on them, and return those that exist."""
    return await _expire(connection, await AccountRepository(connection).lock(ids=ids))


async def lock_owned(connection: Connection, *, owner_id: int) -> Accounts:
    """Lock all accounts of a locked user, as `lock` does."""
    rows = await AccountRepository(connection).lock_owned(owner_id=owner_id)
    return await _expire(connection, {account.id: account for account in rows})


async def lock_original(connection: Connection, *, transfer_id: int) -> tuple[Receipt, Accounts] | None:
    """Lock the accounts of a transfer that is to be taken back, as `lock` does; None where there is none."""
    found = await TransferRepository(connection).receipts(ids=[transfer_id])
    if not found:
        return None
    return found[0], await lock(connection, ids=[found[0].from_account_id, found[0].to_account_id])


async def transfer(
    connection: Connection, accounts: Accounts, *, order: Order, key: Key, conflict: Refusal | None = None
) -> Receipt | Refusal:
    """Decide one order over locked accounts, as `judge` does, and write it together with its key."""
    refusal = judge(order, accounts, conflict)
    if refusal is not None:
        return refusal
    [receipt] = await write(connection, [order], accounts, key)
    return receipt


async def reverse(
    connection: Connection, locked: tuple[Receipt, Accounts], *, ordered_by: int, operator: bool, key: Key
) -> Receipt | Refusal:
    """Take a transfer back, once, for its recipient or an operator; as `transfer` otherwise."""
    original, accounts = locked
    order = Order(
        ordered_by=ordered_by,
        from_account_id=original.to_account_id,
        to_account_id=original.from_account_id,
        amount=original.amount,
        reverses_id=original.id,
        consented=True,
    )
    if not operator and ordered_by != accounts[order.from_account_id].owner_id:
        if ordered_by != accounts[order.to_account_id].owner_id:
            return Refusal("transfer_not_found", f"There is no transfer {original.id}.")
        return Refusal("not_owner", "Only the recipient or an operator reverses a transfer.")
    conflict = await _taken_back(connection, original)
    return await transfer(connection, accounts, order=order, key=key, conflict=conflict)


async def batch(
    connection: Connection, accounts: Accounts, *, orders: Sequence[Order], atomic: bool
) -> list[Receipt | Refusal] | Refusal:
    """Decide orders one after the other over locked accounts and write those that pass, all in one statement.

    Returns an outcome for each; where `atomic`, the first refusal, with its index and nothing written.
    """
    refusals: list[Refusal | None] = []
    for index, order in enumerate(orders):
        refusal = judge(order, accounts)
        if refusal is None:
            _carry(order, accounts)
        elif atomic:
            return replace(refusal, index=index)
        refusals.append(refusal)
    passed = [order for order, refusal in zip(orders, refusals, strict=True) if refusal is None]
    receipts = iter(await write(connection, passed, accounts))
    return [refusal or next(receipts) for refusal in refusals]


def judge(order: Order, accounts: Accounts, conflict: Refusal | None = None) -> Refusal | None:
    """Return why an order is refused, the first reason that applies, or None; `accounts` are locked and current.

    `conflict` is what already happened to the hold or transfer that the order is about. A refusal is counted.
    """
    refusal = _refusal(order, accounts, conflict)
    if refusal is not None:
        units.count_transfers(refusal.code)
    return refusal


def _refusal(order: Order, accounts: Accounts, conflict: Refusal | None) -> Refusal | None:  # noqa: C901 - one reason after another
    payer = accounts.get(order.from_account_id)
    payee = accounts.get(order.to_account_id)
    if payer is None or not (order.consented or payer.owner_id == order.ordered_by):
        return Refusal("account_not_found", f"You have no account {order.from_account_id} to pay from.")
    if payee is None:
        return Refusal("account_not_found", f"There is no account {order.to_account_id} to pay to.")
    if payer is payee:
        return Refusal("same_account", "The two accounts are the same.")
    if payee.currency != payer.currency or order.currency not in {None, payer.currency}:
        return Refusal("currency_mismatch", f"Account {payer.id} is in {payer.currency}.")
    for status in ("frozen", "closed"):
        for account in (payer, payee):
            if account.status == status:
                return Refusal(f"account_{status}", f"Account {account.id} is {status}.")
    if order.from_account_version not in {None, payer.version}:
        return Refusal("version_mismatch", f"Account {payer.id} is at version {payer.version}.")
    if conflict is not None:
        return conflict
    left = payer.available - order.amount
    if payer.minimum is not None and left < payer.minimum:
        if payer.owner_id != order.ordered_by:
            return Refusal("insufficient_funds", f"Account {payer.id} has too little.")
        shortfall = payer.minimum - left
        detail = f"Account {payer.id} is short of {shortfall} {payer.currency} in minor units."
        return Refusal("insufficient_funds", detail, available=payer.available, shortfall=shortfall)
    if left < -MAXIMUM or payee.balance + order.amount > MAXIMUM:
        return Refusal("balance_out_of_range", "A balance would leave the range that Folio keeps exact.")
    return None


def judge_promise(order: Order, accounts: Accounts, conflict: Refusal | None = None) -> Refusal | None:
    """Return why what an order would pay may not be held, as `judge` does."""
    refusal = judge(order, accounts, conflict)
    if refusal is None and accounts[order.from_account_id].held + order.amount > MAXIMUM:
        refusal = Refusal("balance_out_of_range", "What is held would leave the range that Folio keeps exact.")
        units.count_transfers(refusal.code)
    return refusal


def _carry(order: Order, accounts: Accounts) -> None:
    """Let the orders after this one see what it does."""
    for account_id, amount in zip(order.account_ids, (-order.amount, order.amount), strict=True):
        account = accounts[account_id]
        accounts[account_id] = replace(account, balance=account.balance + amount, version=account.version + 1)


async def _expire(connection: Connection, accounts: Accounts) -> Accounts:
    """Expire what is overdue: it stops nobody, whether or not it was swept."""
    holding = [account.id for account in accounts.values() if account.held]
    if holding:
        for expired in await HoldRepository(connection).expire(account_ids=holding, limit=OVERDUE_OF_ONE):
            accounts[expired.id] = replace(accounts[expired.id], held=expired.held)
    return accounts


async def _taken_back(connection: Connection, original: Receipt) -> Refusal | None:
    """Return what stands in the way of a reversal: another one, or a purchase, which is refunded instead."""
    reversal_id = await TransferRepository(connection).find_reversal(id=original.id)
    if reversal_id is not None:
        return Refusal("already_reversed", f"Transfer {reversal_id} reversed it.")
    purchase_id = await PurchaseRepository(connection).find_paid(transfer_id=original.reverses_id or original.id)
    if purchase_id is not None:
        return Refusal(
            "pays_purchase", f"It belongs to purchase {purchase_id}, which is refunded as a whole, for good."
        )
    return None


async def write(
    connection: Connection, orders: Sequence[Order], accounts: Accounts, key: Key | None = None
) -> list[Receipt]:
    """Write orders that passed over locked accounts, with the key of the only one if it has one of its own."""
    written = await TransferRepository(connection).insert(orders=orders, key=key) if orders else []
    units.count_transfers("made", len(written))
    return [_receipt(order, row, accounts) for order, row in zip(orders, written, strict=True)]


def _receipt(order: Order, written: Written, accounts: Accounts) -> Receipt:
    payer, payee = accounts[order.from_account_id], accounts[order.to_account_id]
    return Receipt(
        from_account_id=payer.id,
        to_account_id=payee.id,
        currency=payer.currency,
        amount=order.amount,
        description=order.description,
        from_owner_id=payer.owner_id,
        to_owner_id=payee.owner_id,
        reverses_id=order.reverses_id,
        hold_id=order.hold_id,
        **vars(written),
    )
