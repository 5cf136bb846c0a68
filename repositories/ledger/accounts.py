"""Accounts: locked before every decision about money, changed by owners and operators."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from repositories.accounts import Account, AccountRepository
from repositories.api_keys import Caller
from repositories.holds import HoldRepository
from repositories.postgres.statements import Connection
from repositories.refusals import Refusal
from repositories.transfers import TransferOrder
from repositories.users import UserRepository

EXPIRED_AT_ONCE = 10_000
"""Overdue holds that one unit of work expires on its own accounts at most, if the sweep is that far behind."""

Accounts = dict[int, Account]
"""Locked accounts by id, as they are now."""


async def lock(connection: Connection, *, pairs: Iterable[tuple[int, int]], owner_id: int | None = None) -> Accounts:
    """Lock payers and payees FOR NO KEY UPDATE in id order, expire their overdue holds, and return those that exist.

    With an `owner_id`, a pair is left out if its payer is another owner's, so that strangers lock no row and learn
    nothing by waiting. Without one, the caller was found to be a party to the money, or the system moves it.
    """
    return await _expire(connection, await AccountRepository(connection).lock(pairs=pairs, owner_id=owner_id))


async def lock_each(connection: Connection, *, orders: Iterable[TransferOrder]) -> Accounts:
    """Lock the accounts of orders as `lock` does, if their payers are the users that ordered them."""
    pairs = ((*order.account_ids, order.ordered_by) for order in orders)
    return await _expire(connection, await AccountRepository(connection).lock_each(pairs=pairs))


async def lock_owned(connection: Connection, *, owner_id: int) -> Accounts:
    """Lock all accounts of a locked user, as `lock` does."""
    rows = await AccountRepository(connection).lock_owned(owner_id=owner_id)
    return await _expire(connection, {account.id: account for account in rows})


async def change(connection: Connection, *, id: int, changes: dict[str, Any], caller: Caller) -> Account | Refusal:
    """Change `name`, `status`, `owner_id` or `minimum` of an account: the caller's own, or anyone's for an operator.

    Locks the new owner before the account, so that no account goes to a user who is leaving.
    """
    has_owner = True
    if "owner_id" in changes and caller.operator:
        has_owner = await UserRepository(connection).keep(id=changes["owner_id"])
    account = (await lock(connection, pairs=[(id, id)], owner_id=caller.reads)).get(id)
    if account is None or not caller.may_see(account):
        return Refusal("account_not_found", f"There is no account {id}.")
    refusal = _judge_caller(account, changes, caller)
    if refusal is not None:
        return refusal
    if not has_owner:
        return Refusal("user_not_found", "There is no such user to own the account.")
    changed = replace(account, **changes)
    if changed == account:
        return account
    refusal = _judge_change(account, changed)
    if refusal is not None:
        return refusal
    return await AccountRepository(connection).update(account=account, changed=changed, changed_by=caller.user_id)


async def judge_payee(connection: Connection, *, account_id: int, currency: str, owner_id: int) -> Refusal | None:
    """Return the reason why an account cannot receive the proceeds of its owner's product, or None.

    The account is not locked: if it is frozen or closed later, purchases of the product fail instead.
    """
    account = await AccountRepository(connection).get(id=account_id)
    if account is None or account.owner_id != owner_id:
        return Refusal("account_not_found", f"You have no account {account_id} to receive the proceeds.")
    if account.currency != currency:
        return Refusal("currency_mismatch", f"Account {account_id} is in {account.currency}.")
    if account.status != "open":
        return Refusal(f"account_{account.status}", f"Account {account_id} is {account.status}.")
    return None


def _judge_caller(account: Account, changes: dict[str, Any], caller: Caller) -> Refusal | None:
    """Refuse changes that the caller may not make: some are the owner's, some an operator's."""
    owner_only = "name" in changes or changes.get("status") == "closed"
    operator_only = changes.keys() & {"owner_id", "minimum"} or changes.get("status") in {"open", "frozen"}
    if operator_only and not caller.operator:
        return Refusal("operator_required", "Only an operator sets owner and minimum, freezes and unfreezes.")
    if owner_only and account.owner_id != caller.user_id:
        return Refusal("not_owner", "Only its owner renames or closes an account.")
    return None


def _judge_change(account: Account, changed: Account) -> Refusal | None:
    """Refuse changes that the account does not allow: closed is final, and the balance must fit the change."""
    if account.status == "closed":
        return Refusal("account_closed", f"Account {account.id} is closed.")
    if changed.status == "closed" and account.status == "frozen":
        return Refusal("account_frozen", f"Account {account.id} is frozen.")
    if changed.status == "closed" and (account.balance or account.held):
        return Refusal("balance_not_zero", f"Account {account.id} is not empty.")
    if changed.minimum is not None and account.available < changed.minimum:
        return Refusal("below_minimum", f"Account {account.id} has {account.available} available.")
    return None


async def _expire(connection: Connection, accounts: Accounts) -> Accounts:
    """Expire overdue holds, so that they stop no payment even if the sweep is late."""
    ids = [account.id for account in accounts.values() if account.held]
    if ids:
        for row in await HoldRepository(connection).expire(account_ids=ids, limit=EXPIRED_AT_ONCE):
            accounts[row.id] = replace(accounts[row.id], held=row.held)
    return accounts
