"""Accounts: each has a balance in one currency. Amounts are integers in the currency's minor unit."""

import builtins
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from repositories.changes import ChangeRepository, State, Subject
from repositories.postgres.keyset import Keyset
from repositories.postgres.statements import Connection, statement

INSERT = statement("main/accounts/insert")
GET = statement("main/accounts/get")
GET_PAYEE = statement("main/accounts/get_payee")
LOCK = statement("main/accounts/lock")
LOCK_PAIR = statement("main/accounts/lock_pair")
SHARE = statement("main/accounts/share")
LOCK_OWNED = statement("main/accounts/lock_owned")
LOCK_OVERDUE = statement("main/accounts/lock_overdue")
LIST = statement("main/accounts/list")
LIST_BY_OWNER = statement("main/accounts/list_by_owner")
LIST_CURRENCIES = statement("main/accounts/list_currencies")
LIST_CHANGED = statement("main/accounts/list_changed")
UPDATE = statement("main/accounts/update")
CLOSE_OWNED = statement("main/accounts/close_owned")

MAXIMUM = 2**53 - 1
"""The largest amount and balance, in minor units: the largest integer that every JSON reader keeps exact."""


@dataclass(frozen=True)
class Account:
    """An account; `minimum` is None if its balance has no lower limit."""

    id: int
    owner_id: int
    name: str
    currency: str
    balance: int
    held: int
    minimum: int | None
    status: str
    version: int
    created_at: datetime

    @property
    def owner_ids(self) -> frozenset[int]:
        """Return the owners: the users that may see the row."""
        return frozenset({self.owner_id})

    @property
    def recorded(self) -> State:
        """Return the members whose every change is recorded."""
        return {"owner_id": self.owner_id, "minimum": self.minimum, "status": self.status}

    @property
    def available(self) -> int:
        """Return the balance that no hold has set aside: it can be spent or held down to `minimum`."""
        return self.balance - self.held


@dataclass(frozen=True)
class Payee:
    """What any user may learn of an account before paying to it. `username` is None if the owner has left."""

    account_id: int
    username: str | None
    currency: str
    accepts_payments: bool


@dataclass(frozen=True)
class AccountVersion:
    """The version of an account: the number of its entries."""

    id: int
    version: int


class AccountRepository:
    """The accounts of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, owner_id: int, name: str, currency: str, quota: int) -> Account | None:
        """Open an account at balance zero. Return None if the owner has left, or has `quota` accounts already."""
        return await INSERT.maybe(
            self._connection, Account, owner_id=owner_id, name=name, currency=currency, quota=quota
        )

    async def get(self, *, id: int) -> Account | None:
        """Return the account as it was last committed, or None."""
        return await GET.maybe(self._connection, Account, id=id)

    async def list_currencies(self, *, ids: Iterable[int]) -> dict[int, str]:
        """Return the currency of each account that exists, by id."""
        rows = await LIST_CURRENCIES.dicts(self._connection, ids=list(ids))
        return {row["id"]: row["currency"] for row in rows}

    async def get_payee(self, *, id: int) -> Payee | None:
        """Return the account as its payers may see it, or None."""
        return await GET_PAYEE.maybe(self._connection, Payee, id=id)

    async def lock(self, *, pairs: Iterable[tuple[int, int]], owner_id: int | None) -> dict[int, Account]:
        """Lock payers and payees in id order until the unit of work ends, and return those that exist, by id.

        With an `owner_id`, pairs with another owner's payer are left out: no row of theirs is locked or waited for.
        """
        return await self.lock_each(pairs=[(*pair, owner_id) for pair in pairs])

    async def lock_each(self, *, pairs: Iterable[tuple[int, int, int | None]]) -> dict[int, Account]:
        """Lock as `lock` does, for an owner of each pair: payer, payee, and the payer's owner or None."""
        from_ids, to_ids, owners = (list(ids) for ids in zip(*set(pairs), strict=True))
        if len(from_ids) == 1:
            # Without arrays, PostgreSQL does not plan the statement again on each call.
            rows = await LOCK_PAIR.all(
                self._connection, Account, from_id=from_ids[0], to_id=to_ids[0], owner_id=owners[0]
            )
        else:
            rows = await LOCK.all(self._connection, Account, from_ids=from_ids, to_ids=to_ids, owners=owners)
        return {account.id: account for account in rows}

    async def share(self, *, id: int) -> None:
        """Lock an account against new entries until the unit of work ends; wait for entries in flight."""
        await SHARE.run(self._connection, id=id)

    async def lock_owned(self, *, owner_id: int) -> list[Account]:
        """Lock all accounts of a locked user, in id order."""
        return await LOCK_OWNED.all(self._connection, Account, owner_id=owner_id)

    async def lock_overdue(self, *, limit: int) -> builtins.list[int]:
        """Lock unlocked accounts that have overdue holds, in id order; return their ids."""
        return await LOCK_OVERDUE.values(self._connection, limit=limit)

    async def list(self, *, owner_id: int | None, page: Keyset) -> list[Account]:
        """Return the accounts of one owner, or of all, newest first."""
        if owner_id is not None:
            return await LIST_BY_OWNER.all(self._connection, Account, owner_id=owner_id, **page.arguments())
        return await LIST.all(self._connection, Account, **page.arguments())

    async def list_changed(self, *, versions: Mapping[int, int]) -> builtins.list[AccountVersion]:
        """Return the accounts whose version is higher than in `versions`, which has known versions by id."""
        ids, known = list(versions), list(versions.values())
        return await LIST_CHANGED.all(self._connection, AccountVersion, ids=ids, versions=known)

    async def update(self, *, account: Account, changed: Account, changed_by: int) -> Account:
        """Change name, owner, minimum and status of a locked account to those of `changed`, and record it."""
        await self._record([account], [changed], changed_by)
        return await UPDATE.one(
            self._connection,
            Account,
            id=account.id,
            name=changed.name,
            owner_id=changed.owner_id,
            minimum=changed.minimum,
            status=changed.status,
        )

    async def close_owned(self, *, owner_id: int, accounts: Sequence[Account]) -> None:
        """Close the locked, empty accounts of a leaving user, and record it."""
        await self._record(accounts, [replace(account, status="closed") for account in accounts], owner_id)
        await CLOSE_OWNED.run(self._connection, owner_id=owner_id)

    async def _record(self, accounts: Sequence[Account], changed: Sequence[Account], changed_by: int) -> None:
        subjects = [
            Subject(before.recorded, after.recorded, account_id=before.id)
            for before, after in zip(accounts, changed, strict=True)
            if before.recorded != after.recorded
        ]
        await ChangeRepository(self._connection).insert("account_changed", subjects, changed_by=changed_by)
