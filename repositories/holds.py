"""Holds: money of one account that is promised to another, until it is captured, released or overdue."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from repositories.postgres.keyset import Keyset
from repositories.postgres.statements import Connection, statement

INSERT = statement("main/holds/insert")
GET = statement("main/holds/get")
LOCK = statement("main/holds/lock")
SETTLE = statement("main/holds/settle")
EXPIRE = statement("main/holds/expire")
LIST = statement("main/holds/list")
LIST_BY_OWNER = statement("main/holds/list_by_owner")


@dataclass(frozen=True)
class Hold:
    """A hold as it was at the instant of reading, and whose accounts those are; `amount` in minor units."""

    id: int
    from_account_id: int
    to_account_id: int
    currency: str
    amount: int
    description: str | None
    status: str
    captured_amount: int | None
    transfer_id: int | None
    expires_in: int
    expires_at: datetime
    created_at: datetime
    from_owner_id: int
    to_owner_id: int

    @property
    def owner_ids(self) -> frozenset[int]:
        """Return the users who may see it."""
        return frozenset({self.from_owner_id, self.to_owner_id})


@dataclass(frozen=True)
class Held:
    """What an account holds after some of it expired."""

    id: int
    held: int


class HoldRepository:
    """The holds of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(
        self,
        *,
        from_account_id: int,
        to_account_id: int,
        amount: int,
        description: str | None,
        expires_in: int,
        created_by: int,
    ) -> Hold:
        """Write a decided hold of `expires_in` seconds; both accounts are locked by the unit of work."""
        [made] = await INSERT.values(
            self._connection,
            from_account_id=from_account_id,
            to_account_id=to_account_id,
            amount=amount,
            description=description,
            expires_in=expires_in,
            created_by=created_by,
        )
        return await GET.one(self._connection, Hold, id=made)

    async def get(self, *, id: int) -> Hold | None:
        """Return the hold as it is at this instant, or None."""
        return await GET.maybe(self._connection, Hold, id=id)

    async def lock(self, *, id: int) -> Hold:
        """Lock a hold that exists, after its accounts, and return it as it is then."""
        await LOCK.run(self._connection, id=id)
        return await GET.one(self._connection, Hold, id=id)

    async def settle(self, *, id: int, status: str) -> bool:
        """End an active hold as captured or released and free what it held; it and its payer are locked.

        False where its time came meanwhile, and nothing was done.
        """
        return (await SETTLE.run(self._connection, id=id, status=status)).rowcount == 1

    async def expire(self, *, account_ids: Iterable[int], limit: int) -> list[Held]:
        """Expire what is overdue on locked accounts, and return what each of those that held it holds now."""
        return await EXPIRE.all(self._connection, Held, account_ids=list(account_ids), limit=limit)

    async def list(self, *, owner_id: int | None, page: Keyset) -> list[Hold]:
        """Return holds from or to any account of an owner, else all; newest first."""
        if owner_id is not None:
            return await LIST_BY_OWNER.all(self._connection, Hold, owner_id=owner_id, **page.arguments())
        return await LIST.all(self._connection, Hold, **page.arguments())
