"""Holds: placed by the payer, captured or released by the payee, expired by time.

Each function is one unit of work in the same order: lock, look for the key, judge, write.
"""

from dataclasses import replace

from repositories.accounts import AccountRepository
from repositories.api_keys import Caller
from repositories.holds import Hold, HoldRepository
from repositories.idempotency_keys import Key
from repositories.ledger.accounts import Accounts, lock
from repositories.ledger.keys import Outcome, ToAnswer, refuse, replay, store
from repositories.ledger.orders import judge_hold, judge_transfer, write
from repositories.postgres.statements import Connection
from repositories.refusals import Refusal
from repositories.transfers import TransferOrder

EXPIRED_AT_ONCE = 1000
"""Overdue holds that one sweep expires at most."""


async def place(
    connection: Connection, *, order: TransferOrder, expires_in: int, key: Key, to_answer: ToAnswer[Hold]
) -> Outcome[Hold]:
    """Hold the amount of an order for `expires_in` seconds."""
    accounts = await lock(connection, pairs=[order.account_ids], owner_id=order.ordered_by)
    if (earlier := await replay(connection, key)) is not None:
        return earlier
    refusal = judge_hold(order, accounts)
    if refusal is not None:
        return await refuse(connection, key, refusal)
    hold = await HoldRepository(connection).insert(
        from_account_id=order.from_account_id,
        to_account_id=order.to_account_id,
        amount=order.amount,
        description=order.description,
        expires_in=expires_in,
        created_by=order.ordered_by,
        reference=order.reference,
        metadata=order.metadata,
    )
    return await _store(connection, key, hold, to_answer)


async def capture(
    connection: Connection, *, hold_id: int, amount: int | None, caller: Caller, key: Key, to_answer: ToAnswer[Hold]
) -> Outcome[Hold]:
    """Pay `amount` of a hold to its payee, all of it if None, and release the rest."""
    locked = await _lock(connection, hold_id, caller)
    if locked is None:
        return await replay(connection, key) or Outcome(_not_found(hold_id))
    hold, accounts = locked
    if (earlier := await replay(connection, key)) is not None:
        return earlier
    if not caller.may_see(hold):
        return Outcome(_not_found(hold_id))
    if amount is not None and amount > hold.amount:
        detail = f"must be at most the held amount: {hold.amount}"
        return Outcome(Refusal("validation_error", detail, location=("body", "amount"), kind="amount_exceeds_hold"))
    if caller.user_id != hold.to_owner_id:
        return Outcome(Refusal("not_owner", "Only the payee captures a hold."))
    order = TransferOrder(
        ordered_by=caller.user_id,
        from_account_id=hold.from_account_id,
        to_account_id=hold.to_account_id,
        amount=amount or hold.amount,
        description=hold.description,
        hold_id=hold.id,
        reference=hold.reference,
        inherited_from=hold.created_by,
        consented=True,
    )
    conflict = _conflict(hold)
    if conflict is None:
        payer = accounts[hold.from_account_id]
        accounts[payer.id] = replace(payer, held=payer.held - hold.amount)
    refusal = judge_transfer(order, accounts, conflict)
    if refusal is None and not await HoldRepository(connection).settle(id=hold.id, status="captured"):
        refusal = _expired(hold)
    if refusal is not None:
        return await refuse(connection, key, refusal)
    [payment] = await write(connection, [order], accounts)
    captured = replace(hold, status="captured", captured_amount=payment.amount, transfer_id=payment.id)
    return await _store(connection, key, captured, to_answer)


async def release(
    connection: Connection, *, hold_id: int, caller: Caller, key: Key | None, to_answer: ToAnswer[Hold]
) -> Outcome[Hold]:
    """Release a hold, as its payee or an operator, in any state of the accounts."""
    locked = await _lock(connection, hold_id, caller)
    if locked is None:
        return await replay(connection, key) or Outcome(_not_found(hold_id))
    hold, _ = locked
    if (earlier := await replay(connection, key)) is not None:
        return earlier
    if not caller.may_see(hold):
        return Outcome(_not_found(hold_id))
    if not caller.operator and caller.user_id != hold.to_owner_id:
        detail = "Only the payee or an operator releases a hold; the payer waits for its expiry."
        return Outcome(Refusal("not_owner", detail))
    refusal = _conflict(hold)
    if refusal is None and not await HoldRepository(connection).settle(id=hold.id, status="released"):
        refusal = _expired(hold)
    if refusal is not None:
        return await refuse(connection, key, refusal)
    return await _store(connection, key, replace(hold, status="released"), to_answer)


async def sweep(connection: Connection) -> int:
    """Expire overdue holds on accounts that no other transaction has locked; return the number of accounts."""
    ids = await AccountRepository(connection).lock_overdue(limit=EXPIRED_AT_ONCE)
    return len(await HoldRepository(connection).expire(account_ids=ids, limit=EXPIRED_AT_ONCE)) if ids else 0


async def _lock(connection: Connection, hold_id: int, caller: Caller) -> tuple[Hold, Accounts] | None:
    """Lock the accounts of a hold and then the hold; return both as they are then.

    Return None, without a lock, if there is no hold or the caller is no party to it.
    """
    holds = HoldRepository(connection)
    hold = await holds.get(id=hold_id)
    if hold is None or not caller.may_see(hold):
        return None
    accounts = await lock(connection, pairs=[(hold.from_account_id, hold.to_account_id)])
    return await holds.lock(id=hold_id), accounts


async def _store(connection: Connection, key: Key | None, hold: Hold, to_answer: ToAnswer[Hold]) -> Outcome[Hold]:
    return await store(connection, key, kind="hold", id=hold.id, result=hold, to_answer=to_answer)


def _conflict(hold: Hold) -> Refusal | None:
    if hold.status == "active":
        return None
    if hold.status == "expired":
        return _expired(hold)
    return Refusal("hold_not_active", f"Hold {hold.id} is {hold.status}.")


def _expired(hold: Hold) -> Refusal:
    return Refusal("hold_expired", f"Hold {hold.id} expired.")


def _not_found(hold_id: int) -> Refusal:
    return Refusal("hold_not_found", f"There is no hold {hold_id}.")
