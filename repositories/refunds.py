"""Refunds: the quantities that refunded purchases return to stock. Their money is in transfers."""

from dataclasses import dataclass

from repositories.postgres.statements import Connection, statement
from repositories.purchases import LEASE_SECONDS

INSERT = statement("main/refunds/insert")
LIST_UNFINISHED = statement("main/refunds/list_unfinished")
LEASE = statement("main/refunds/lease")
FINISH = statement("main/refunds/finish")


@dataclass(frozen=True)
class Refund:
    """The quantity that goes back to stock, by the transfer that paid the money back."""

    transfer_id: int
    quantity: int


class RefundRepository:
    """The refunds of one connection to the main database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, transfer_id: int, purchase_id: int, quantity: int) -> None:
        """Write a refund of a locked purchase, leased to this process; one without a quantity is finished."""
        await INSERT.run(
            self._connection, transfer_id=transfer_id, purchase_id=purchase_id, quantity=quantity, lease=LEASE_SECONDS
        )

    async def list_unfinished(self, *, purchase_id: int) -> list[Refund]:
        """Return the unfinished refunds of a purchase."""
        return await LIST_UNFINISHED.all(self._connection, Refund, purchase_id=purchase_id)

    async def lease(self, *, limit: int) -> list[int]:
        """Lease unfinished refunds that are neither leased nor locked; return the ids of their purchases."""
        return await LEASE.values(self._connection, seconds=LEASE_SECONDS, limit=limit)

    async def finish(self, *, transfer_id: int) -> None:
        """Record that the catalog has taken the quantity back."""
        await FINISH.run(self._connection, transfer_id=transfer_id)
