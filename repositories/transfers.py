"""Transfers: money moved from one account to another, decided under the locks and written set-wise."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from repositories.idempotency_keys import Key
from repositories.postgres.keyset import Keyset
from repositories.postgres.statements import Connection, statement

INSERT = statement("main/transfers/insert")
INSERT_ONE = statement("main/transfers/insert_one")
GET = statement("main/transfers/get")
FIND_REVERSAL = statement("main/transfers/find_reversal")
LIST = statement("main/transfers/list")
LIST_BY_ACCOUNT = statement("main/transfers/list_by_account")
LIST_BY_OWNER = statement("main/transfers/list_by_owner")


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
    consented: bool = False
    """True if another user than the payer may order it: the payer agreed earlier (hold, purchase), or it is a reversal
    or refund of money that they received."""

    @property
    def account_ids(self) -> tuple[int, int]:
        """Return the two accounts, the payer's first."""
        return self.from_account_id, self.to_account_id


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

    @property
    def owner_ids(self) -> frozenset[int]:
        """Return the owners: the users that may see the row."""
        return frozenset({self.from_owner_id, self.to_owner_id})

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
        )

    async def find_reversal(self, *, id: int) -> int | None:
        """Return the id of the transfer that reverses another, or None."""
        ids = await FIND_REVERSAL.values(self._connection, reverses_id=id)
        return ids[0] if ids else None

    async def get(self, *, id: int) -> Transfer | None:
        """Return the transfer, or None."""
        return await GET.maybe(self._connection, Transfer, id=id)

    async def list(self, *, account_id: int | None, owner_id: int | None, page: Keyset) -> list[Transfer]:
        """Return transfers of one account, else from or to any account of an owner, else all; newest first."""
        if account_id is not None:
            return await LIST_BY_ACCOUNT.all(self._connection, Transfer, account_id=account_id, **page.arguments())
        if owner_id is not None:
            return await LIST_BY_OWNER.all(self._connection, Transfer, owner_id=owner_id, **page.arguments())
        return await LIST.all(self._connection, Transfer, **page.arguments())

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
        )
