"""Transfers: money moved from one account to another, decided under the locks and written set-wise."""

import builtins
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from repositories.api_keys import Caller
from repositories.idempotency_keys import Key
from repositories.metadata import Metadata, as_json
from repositories.postgres.keyset import OLDEST, Keyset
from repositories.postgres.statements import Connection, statement

INSERT = statement("main/transfers/insert")
INSERT_ONE = statement("main/transfers/insert_one")
GET = statement("main/transfers/get")
SUM_REVERSED = statement("main/transfers/sum_reversed")
LIST = statement("main/transfers/list")
LIST_BY_ACCOUNT = statement("main/transfers/list_by_account")
LIST_BY_OWNER = statement("main/transfers/list_by_owner")
LIST_BY_REFERENCE = statement("main/transfers/list_by_reference")
LIST_BY_WRITER = statement("main/transfers/list_by_writer")


@dataclass(frozen=True)
class TransferOrder:
    """A transfer to be judged and written; `amount` in minor units."""

    ordered_by: int
    from_account_id: int
    to_account_id: int
    amount: int
    currency: str | None = None
    description: str | None = None
    from_account_version: int | None = None
    reverses_id: int | None = None
    hold_id: int | None = None
    reference: str | None = None
    inherited_from: int | None = None
    """The writer of a reference that the transfer inherits; None if it is `ordered_by`."""
    metadata: Metadata | None = None
    consented: bool = False
    """True if another user than the payer may order it: the payer agreed earlier (hold, purchase), or it is a reversal
    or refund of money that they received."""

    @property
    def account_ids(self) -> tuple[int, int]:
        """Return the two accounts, the payer's first."""
        return self.from_account_id, self.to_account_id

    @property
    def reference_by(self) -> int | None:
        """Return the writer of the reference, or None without a reference."""
        return None if self.reference is None else self.inherited_from or self.ordered_by


@dataclass(frozen=True)
class InsertedTransfer:
    """The columns that the database gives a transfer, and the balance and version of both accounts after it."""

    id: int
    created_at: datetime
    from_balance: int
    from_version: int
    to_balance: int
    to_version: int


@dataclass(frozen=True)
class Transfer:
    """A transfer, the balance and version of both accounts after it, and their present owners."""

    id: int
    from_account_id: int
    to_account_id: int
    currency: str
    amount: int
    description: str | None
    created_at: datetime
    from_owner_id: int
    from_balance: int
    from_version: int
    to_owner_id: int
    to_balance: int
    to_version: int
    reverses_id: int | None
    hold_id: int | None
    created_by: int
    reference: str | None
    reference_by: int | None
    metadata: Metadata | None
    reversed_amount: int = 0
    """The amount that reversals have paid back by now."""
    purchase_id: int | None = None
    """The purchase that the transfer pays or refunds."""

    @property
    def owner_ids(self) -> frozenset[int]:
        """Return the owners: the users that may see the row."""
        return frozenset({self.from_owner_id, self.to_owner_id})

    def shown_to(self, caller: Caller) -> Self:
        """Return the transfer without the reference or the metadata that the caller may not read."""
        if self.reference is None and self.metadata is None:
            return self
        return replace(
            self,
            reference=self.reference if caller.may_read(self.reference_by) else None,
            metadata=self.metadata if caller.may_read(self.created_by) else None,
        )

    def accounts_of(self, user_id: int) -> list[int]:
        """Return which of the two accounts are the user's, the payer's first."""
        sides = ((self.from_account_id, self.from_owner_id), (self.to_account_id, self.to_owner_id))
        return [account_id for account_id, owner_id in sides if owner_id == user_id]


@dataclass(frozen=True)
class ShownTransfer:
    """A transfer with the accounts whose balances its answer shows: those that were the caller's own."""

    transfer: Transfer
    account_ids: list[int]


class TransferRepository:
    """The transfers of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, orders: Sequence[TransferOrder], key: Key | None = None) -> list[InsertedTransfer]:
        """Write accepted orders, their entries and the new balances; a `key` is stored with the only order.

        The unit of work has locked every account. One order takes a statement without arrays, which PostgreSQL does
        not plan again on each call.
        """
        if len(orders) == 1:
            return [await self._insert_one(orders[0], key)]
        return await INSERT.all(
            self._connection,
            InsertedTransfer,
            from_account_ids=[order.from_account_id for order in orders],
            to_account_ids=[order.to_account_id for order in orders],
            amounts=[order.amount for order in orders],
            descriptions=[order.description for order in orders],
            created_by=[order.ordered_by for order in orders],
            keys=[key and key.key] * len(orders),
            request_hashes=[key and key.request_hash] * len(orders),
            reverses_ids=[order.reverses_id for order in orders],
            hold_ids=[order.hold_id for order in orders],
            references=[order.reference for order in orders],
            reference_by=[order.reference_by for order in orders],
            metadata=[as_json(order.metadata) for order in orders],
        )

    async def sum_reversed(self, *, id: int) -> int:
        """Return how much of a transfer was reversed; the unit of work has locked its accounts."""
        [amount] = await SUM_REVERSED.values(self._connection, id=id)
        return int(amount)

    async def get(self, *, id: int) -> Transfer | None:
        """Return the transfer, or None."""
        return await GET.maybe(self._connection, Transfer, id=id)

    async def list(
        self, *, account_id: int | None, owner_id: int | None, since: datetime | None = None, page: Keyset
    ) -> list[Transfer]:
        """Return transfers of one account, else from or to any account of an owner, else all, from `since` on.

        Newest first.
        """
        arguments = page.arguments() | {"from_time": since or OLDEST}
        if account_id is not None:
            return await LIST_BY_ACCOUNT.all(self._connection, Transfer, account_id=account_id, **arguments)
        if owner_id is not None:
            return await LIST_BY_OWNER.all(self._connection, Transfer, owner_id=owner_id, **arguments)
        return await LIST.all(self._connection, Transfer, **arguments)

    async def list_by_reference(
        self,
        *,
        reference: str,
        writer_id: int | None,
        account_id: int | None,
        since: datetime | None = None,
        page: Keyset,
    ) -> builtins.list[Transfer]:
        """Return transfers with this reference from `since` on, newest first.

        With a `writer_id`, those whose reference that user wrote, from or to any account of theirs.
        """
        arguments = page.arguments() | {
            "reference": reference,
            "account_id": account_id,
            "from_time": since or OLDEST,
        }
        if writer_id is not None:
            return await LIST_BY_WRITER.all(self._connection, Transfer, reference_by=writer_id, **arguments)
        return await LIST_BY_REFERENCE.all(self._connection, Transfer, **arguments)

    async def _insert_one(self, order: TransferOrder, key: Key | None) -> InsertedTransfer:
        return await INSERT_ONE.one(
            self._connection,
            InsertedTransfer,
            from_account_id=order.from_account_id,
            to_account_id=order.to_account_id,
            amount=order.amount,
            description=order.description,
            created_by=order.ordered_by,
            key=key and key.key,
            request_hash=key and key.request_hash,
            reverses_id=order.reverses_id,
            hold_id=order.hold_id,
            reference=order.reference,
            reference_by=order.reference_by,
            metadata=as_json(order.metadata),
        )
