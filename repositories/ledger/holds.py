"""Decisions on holds: what is promised, captured, released and overdue. As in the ledger, over locked rows only."""

from dataclasses import replace

from repositories.accounts import AccountRepository
from repositories.holds import Hold, HoldRepository
from repositories.ledger import transfers as ledger
from repositories.postgres.statements import Connection
from repositories.refusals import Refusal
from repositories.transfers import Order

OVERDUE = 1000
"""Overdue holds that one sweep expires at the most."""


async def lock(connection: Connection, *, hold: Hold) -> tuple[Hold, ledger.Accounts]:
    """Lock the accounts of a hold and then the hold, and return all as they are then."""
    accounts = await ledger.lock(connection, ids=[hold.from_account_id, hold.to_account_id])
    return await HoldRepository(connection).lock(id=hold.id), accounts


async def sweep(connection: Connection) -> int:
    """Expire overdue holds on accounts that nobody has locked; return on how many. In a unit of work of its own."""
    ids = await AccountRepository(connection).lock_overdue(limit=OVERDUE)
    return len(await HoldRepository(connection).expire(account_ids=ids, limit=OVERDUE)) if ids else 0


async def hold(connection: Connection, accounts: ledger.Accounts, *, order: Order, expires_in: int) -> Hold | Refusal:
    """Promise what an order would pay, for `expires_in` seconds, over locked accounts."""
    refusal = ledger.judge_promise(order, accounts)
    if refusal is not None:
        return refusal
    return await HoldRepository(connection).insert(
        from_account_id=order.from_account_id,
        to_account_id=order.to_account_id,
        amount=order.amount,
        description=order.description,
        expires_in=expires_in,
        created_by=order.ordered_by,
    )


async def capture(
    connection: Connection, locked: tuple[Hold, ledger.Accounts], *, ordered_by: int, amount: int
) -> Hold | Refusal:
    """Pay up to what a locked hold promised and free the rest, for the payee."""
    held, accounts = locked
    if ordered_by != held.to_owner_id:
        return Refusal("not_owner", "Only the payee captures a hold.")
    order = Order(
        ordered_by=ordered_by,
        from_account_id=held.from_account_id,
        to_account_id=held.to_account_id,
        amount=amount,
        description=held.description,
        hold_id=held.id,
        consented=True,
    )
    conflict = _over(held)
    if conflict is None:
        payer = accounts[held.from_account_id]
        accounts[payer.id] = replace(payer, held=payer.held - held.amount)
    refusal = ledger.judge(order, accounts, conflict)
    if refusal is not None:
        return refusal
    if not await HoldRepository(connection).settle(id=held.id, status="captured"):
        return _expired(held)
    [receipt] = await ledger.write(connection, [order], accounts)
    return replace(held, status="captured", captured_amount=receipt.amount, transfer_id=receipt.id)


async def release(
    connection: Connection, locked: tuple[Hold, ledger.Accounts], *, ordered_by: int, operator: bool
) -> Hold | Refusal:
    """Free what a locked hold promised, for the payee or an operator, whatever state the accounts are in."""
    held, _ = locked
    if not operator and ordered_by != held.to_owner_id:
        return Refusal("not_owner", "Only the payee or an operator releases a hold; the payer waits for its expiry.")
    conflict = _over(held)
    if conflict is not None:
        return conflict
    if not await HoldRepository(connection).settle(id=held.id, status="released"):
        return _expired(held)
    return replace(held, status="released")


def _over(held: Hold) -> Refusal | None:
    if held.status == "active":
        return None
    if held.status == "expired":
        return _expired(held)
    return Refusal("hold_not_active", f"Hold {held.id} is {held.status}.")


def _expired(held: Hold) -> Refusal:
    return Refusal("hold_expired", f"Hold {held.id} expired.")
