"""Reservations: what purchases took of the stock. Each step may be run again, late or twice, and changes nothing then.

Reserving and releasing lock the product first, so that the two never meet half-done; confirming changes no stock.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from repositories.postgres.statements import Connection, statement
from repositories.products import ProductRepository

GET = statement("catalog/reservations/get")
INSERT = statement("catalog/reservations/insert")
SETTLE = statement("catalog/reservations/settle")
LIST_OF = statement("catalog/reservations/list_of")
LIST_AFTER = statement("catalog/reservations/list_after")


@dataclass(frozen=True)
class Reservation:
    """What a purchase took of the stock, and what became of that."""

    purchase_id: int
    product_id: int
    quantity: int
    status: str


class ReservationRepository:
    """The reservations of one connection to the catalog."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def reserve(self, *, purchase_id: int, product_id: int, quantity: int) -> bool:
        """Take of the stock, or note that there was too little; whether it was taken, now or by an earlier try.

        Where the reservation was released already, its tombstone says so, and nothing is taken.
        """
        product = await ProductRepository(self._connection).lock(id=product_id)
        if product is None:
            return False  # a catalog that lost it: the audit will say so
        found = await self._get(purchase_id)
        if found is not None:
            return found.status in {"reserved", "confirmed"}
        there = product.archived_at is None and product.stock >= quantity
        await self._insert(purchase_id, product_id, quantity, "reserved" if there else "refused")
        return there

    async def confirm(self, *, purchase_id: int) -> None:
        """Note that what was taken is sold; nothing where it was released."""
        await SETTLE.run(self._connection, purchase_id=purchase_id, status="confirmed")

    async def release(self, *, purchase_id: int, product_id: int, quantity: int) -> None:
        """Give back what was taken, once; where nothing was yet, leave a tombstone, so that nothing ever is."""
        if await ProductRepository(self._connection).lock(id=product_id) is None:
            return
        if await self._get(purchase_id) is None:
            await self._insert(purchase_id, product_id, quantity, "released")
        else:
            await SETTLE.run(self._connection, purchase_id=purchase_id, status="released")

    async def list_of(self, *, purchase_ids: Iterable[int]) -> list[Reservation]:
        """Return the reservations of purchases."""
        return await LIST_OF.all(self._connection, Reservation, purchase_ids=list(purchase_ids))

    async def list_after(self, *, after_id: int, limit: int) -> list[Reservation]:
        """Return a page of all reservations, by purchase."""
        return await LIST_AFTER.all(self._connection, Reservation, after_id=after_id, limit=limit)

    async def _get(self, purchase_id: int) -> Reservation | None:
        return await GET.maybe(self._connection, Reservation, purchase_id=purchase_id)

    async def _insert(self, purchase_id: int, product_id: int, quantity: int, status: str) -> None:
        await INSERT.run(
            self._connection, purchase_id=purchase_id, product_id=product_id, quantity=quantity, status=status
        )
