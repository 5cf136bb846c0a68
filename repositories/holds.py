"""Holds: money of one account set aside for another, until it is captured, released or expired."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from repositories.api_keys import Caller
from repositories.metadata import Metadata, as_json
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
    """A hold as it was when it was read, with the owners of its accounts; `amount` in minor units."""

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
    created_by: int
    reference: str | None
    metadata: Metadata | None

    @property
    def owner_ids(self) -> frozenset[int]:
        """Return the owners: the users that may see the row."""
        return frozenset({self.from_owner_id, self.to_owner_id})

    def shown_to(self, caller: Caller) -> Self:
        """Return the hold without the reference and the metadata, if the caller may not read them."""
        return self if caller.may_read(self.created_by) else replace(self, reference=None, metadata=None)


@dataclass(frozen=True)
class HeldAmount:
    """The held amount of the account `id` after some of its holds expired."""

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
        reference: str | None = None,
        metadata: Metadata | None = None,
    ) -> Hold:
        """Write an accepted hold of `expires_in` seconds; the unit of work has locked both accounts."""
        [hold_id] = await INSERT.values(
            self._connection,
            from_account_id=from_account_id,
            to_account_id=to_account_id,
            amount=amount,
            description=description,
            expires_in=expires_in,
            created_by=created_by,
            reference=reference,
            metadata=as_json(metadata),
        )
        return await GET.one(self._connection, Hold, id=hold_id)

    async def get(self, *, id: int) -> Hold | None:
        """Return the hold as it is at this instant, or None."""
        return await GET.maybe(self._connection, Hold, id=id)

    async def lock(self, *, id: int) -> Hold:
        """Lock a hold that exists, after its accounts; return it as it is under the lock."""
        await LOCK.run(self._connection, id=id)
        return await GET.one(self._connection, Hold, id=id)

    async def settle(self, *, id: int, status: str) -> bool:
        """End an active hold as captured or released, and free its amount. The hold and its payer are locked.

        Return False, and change nothing, if the hold has expired since it was read.
        """
        return (await SETTLE.run(self._connection, id=id, status=status)).rowcount == 1

    async def expire(self, *, account_ids: Iterable[int], limit: int) -> list[HeldAmount]:
        """Expire overdue holds of locked accounts; return the held amount of each account that changed."""
        return await EXPIRE.all(self._connection, HeldAmount, account_ids=list(account_ids), limit=limit)

    async def list(self, *, owner_id: int | None, status: str | None = None, page: Keyset) -> list[Hold]:
        """Return holds from or to any account of an owner, else all; of a status, else of any; newest first."""
        arguments = page.arguments() | {"status": status}
        if owner_id is not None:
            return await LIST_BY_OWNER.all(self._connection, Hold, owner_id=owner_id, **arguments)
        return await LIST.all(self._connection, Hold, **arguments)
