"""Orders: judged over locked accounts, in one fixed order of reasons, and written."""

from collections.abc import Sequence
from dataclasses import replace

from prometheus_client import Counter

from repositories.accounts import MAXIMUM, Account
from repositories.idempotency_keys import Key
from repositories.ledger.accounts import Accounts
from repositories.postgres import operation
from repositories.postgres.statements import Connection
from repositories.refusals import Refusal
from repositories.transfers import InsertedTransfer, Transfer, TransferOrder, TransferRepository

TRANSFERS = Counter("folio_transfers", "Transfers by outcome: made, or the code of the refusal", ["outcome"])


def count(outcome: str, number: int = 1) -> None:
    """Count transfers by outcome, "made" or the code of a refusal, once the unit of work is committed."""
    operation.count(TRANSFERS.labels(outcome), number)


def judge_transfer(order: TransferOrder, accounts: Accounts, conflict: Refusal | None = None) -> Refusal | None:
    """Return the first reason for refusing an order, or None; count a refusal.

    `conflict` is the reason that the hold, the purchase or the reversed transfer gives, such as `hold_expired`.
    """
    refusal = _reason(order, accounts, conflict)
    if refusal is not None:
        count(refusal.code)
    return refusal


def judge_hold(order: TransferOrder, accounts: Accounts, conflict: Refusal | None = None) -> Refusal | None:
    """Return the first reason for not holding the amount of an order, as `judge_transfer` does."""
    refusal = judge_transfer(order, accounts, conflict)
    if refusal is None and accounts[order.from_account_id].held + order.amount > MAXIMUM:
        refusal = Refusal("balance_out_of_range", "The held amount would leave the range that Folio keeps exact.")
        count(refusal.code)
    return refusal


def apply(order: TransferOrder, accounts: Accounts) -> None:
    """Apply an order to the locked accounts in memory, so that the next order is judged on its balances."""
    for account_id, amount in zip(order.account_ids, (-order.amount, order.amount), strict=True):
        account = accounts[account_id]
        accounts[account_id] = replace(account, balance=account.balance + amount, version=account.version + 1)


async def write(
    connection: Connection, orders: Sequence[TransferOrder], accounts: Accounts, key: Key | None = None
) -> list[Transfer]:
    """Write accepted orders over locked accounts; a `key` is stored with the transfer of the only order."""
    rows = await TransferRepository(connection).insert(orders=orders, key=key) if orders else []
    count("made", len(rows))
    return [_transfer(order, row, accounts) for order, row in zip(orders, rows, strict=True)]


def _reason(order: TransferOrder, accounts: Accounts, conflict: Refusal | None) -> Refusal | None:  # noqa: C901 - one reason after another
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
    if (refusal := _unusable(order, payer, payee)) is not None:
        return refusal
    if order.from_account_version not in {None, payer.version}:
        return Refusal("version_mismatch", f"Account {payer.id} is at version {payer.version}.")
    if conflict is not None:
        return conflict
    left = payer.available - order.amount
    if payer.minimum is not None and left < payer.minimum:
        if payer.owner_id != order.ordered_by:
            return Refusal("insufficient_funds", f"Account {payer.id} has insufficient funds.")
        shortfall = payer.minimum - left
        detail = f"Account {payer.id} is short of {shortfall} {payer.currency} in minor units."
        return Refusal("insufficient_funds", detail, available=payer.available, shortfall=shortfall)
    if left < -MAXIMUM or payee.balance + order.amount > MAXIMUM:
        return Refusal("balance_out_of_range", "A balance would leave the range that Folio keeps exact.")
    return None


def _unusable(order: TransferOrder, payer: Account, payee: Account) -> Refusal | None:
    """Refuse an order if an account is frozen or closed; which of the two is told of the caller's own accounts only."""
    for status in ("frozen", "closed"):
        for account in (payer, payee):
            if account.owner_id == order.ordered_by and account.status == status:
                return Refusal(f"account_{status}", f"Account {account.id} is {status}.")
    for account in (payer, payee):
        if account.status != "open":
            return Refusal("account_unavailable", f"Account {account.id} can neither pay nor be paid.")
    return None


def _transfer(order: TransferOrder, inserted: InsertedTransfer, accounts: Accounts) -> Transfer:
    payer, payee = accounts[order.from_account_id], accounts[order.to_account_id]
    return Transfer(
        from_account_id=payer.id,
        to_account_id=payee.id,
        currency=payer.currency,
        amount=order.amount,
        description=order.description,
        from_owner_id=payer.owner_id,
        to_owner_id=payee.owner_id,
        reverses_id=order.reverses_id,
        hold_id=order.hold_id,
        created_by=order.ordered_by,
        reference=order.reference,
        reference_by=order.reference_by,
        metadata=order.metadata,
        **vars(inserted),
    )
