"""Entries: the effects of transfers on an account, in the order of its versions."""

import builtins
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from repositories.api_keys import Caller
from repositories.postgres.keyset import OLDEST
from repositories.postgres.statements import Connection, statement

LIST = statement("main/entries/list")
LIST_BETWEEN = statement("main/entries/list_between")
LIST_AFTER = statement("main/entries/list_after")
BALANCE_AT = statement("main/entries/balance_at")

NEWEST = 2**63 - 1
"""Larger than every version: a page below it begins with the newest entry."""


@dataclass(frozen=True)
class Entry:
    """One line of a statement; `amount` is signed, in minor units."""

    account_id: int
    version: int
    transfer_id: int
    amount: int
    balance_after: int
    counterparty_account_id: int
    description: str | None
    created_at: datetime
    reference: str | None
    reference_by: int | None

    def shown_to(self, caller: Caller) -> Self:
        """Return the entry without a reference that the caller may not read."""
        return self if caller.may_read(self.reference_by) else replace(self, reference=None)


@dataclass(frozen=True)
class BalanceAt:
    """The balance at an instant. If `past` is False, the instant is in the future and the balance means nothing.

    `settled` is True if no transaction in flight can change it, so that it needed no lock.
    """

    balance: int
    version: int
    past: bool
    settled: bool


class EntryRepository:
    """The entries of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(
        self, *, account_id: int, since: datetime | None, until: datetime | None, before: int, limit: int
    ) -> list[Entry]:
        """Return an account's entries below version `before`, newest first, with since <= created_at < until."""
        page = {"account_id": account_id, "before_version": before, "limit": limit}
        if since is None and until is None:
            return await LIST.all(self._connection, Entry, **page)
        first = since or OLDEST
        last = until or datetime.fromisoformat("9999-12-31T23:59:59.999999+00:00")
        return await LIST_BETWEEN.all(self._connection, Entry, from_time=first, to_time=last, **page)

    async def list_after(self, *, account_id: int, after: int, limit: int) -> builtins.list[Entry]:
        """Return an account's entries above version `after`, oldest first, without a gap."""
        return await LIST_AFTER.all(self._connection, Entry, account_id=account_id, after_version=after, limit=limit)

    async def balance_at(self, *, account_id: int, at: datetime) -> BalanceAt:
        """Return the balance after every entry up to and including `at`.

        It is final if it is settled, or if the unit of work shares the account.
        """
        return await BALANCE_AT.one(self._connection, BalanceAt, account_id=account_id, at=at)
