"""Reservations: the stock that purchases took. Each step may run again, late or twice; the repeat is a no-op.

Reserving and releasing lock the product first, so that one waits for the other; confirming a reservation changes no
stock. A stored reservation of another product or quantity belongs to a purchase that the main database lost in a
restore: no step uses it, and the audit reports it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from repositories.postgres.statements import Connection, statement
from repositories.products import ProductRepository

GET = statement("catalog/reservations/get")
INSERT = statement("catalog/reservations/insert")
CONFIRM = statement("catalog/reservations/confirm")
RELEASE = statement("catalog/reservations/release")
GIVE_BACK = statement("catalog/reservations/give_back")
LIST_OF = statement("catalog/reservations/list_of")
LIST_AFTER = statement("catalog/reservations/list_after")


@dataclass(frozen=True)
class Reservation:
    """The stock that a purchase took, with its status: reserved, refused, confirmed or released."""

    purchase_id: int
    product_id: int
    quantity: int
    status: str
    returned: int = 0
    """The quantity that went back to stock."""

    def takes(self, product_id: int, quantity: int) -> bool:
        """Return True if it takes this quantity of this product."""
        return (self.product_id, self.quantity) == (product_id, quantity)


class ReservationRepository:
    """The reservations of one connection to the catalog."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def reserve(self, *, purchase_id: int, product_id: int, quantity: int) -> bool:
        """Lower the stock, or record that too little is left. Return True if the stock is taken, now or earlier.

        Take nothing if the reservation was released already: the release left a tombstone.
        """
        product = await ProductRepository(self._connection).lock(id=product_id)
        if product is None:
            return False  # the catalog lost the product; the audit reports it
        earlier = await self._get(purchase_id)
        if earlier is not None:
            return earlier.takes(product_id, quantity) and earlier.status in {"reserved", "confirmed"}
        available = product.archived_at is None and product.stock >= quantity
        await self._insert(purchase_id, product_id, quantity, "reserved" if available else "refused")
        return available

    async def confirm(self, *, purchase_id: int, product_id: int, quantity: int) -> None:
        """Record that reserved stock is sold; a no-op if it was released.

        If there is no reservation, because the catalog lost it in a restore, write it and take the stock. A quantity
        beyond the stock counts as supplied by the seller.
        """
        item = {"purchase_id": purchase_id, "product_id": product_id, "quantity": quantity}
        if await CONFIRM.values(self._connection, **item):
            return
        product = await ProductRepository(self._connection).lock(id=product_id)
        if product is not None and await self._get(purchase_id) is None:
            await self._insert(purchase_id, product_id, quantity, "confirmed")

    async def release(self, *, purchase_id: int, product_id: int, quantity: int) -> None:
        """Give reserved stock back, once. If none is reserved yet, leave a tombstone, so that none ever is."""
        if await ProductRepository(self._connection).lock(id=product_id) is None:
            return
        earlier = await self._get(purchase_id)
        if earlier is None:
            await self._insert(purchase_id, product_id, quantity, "released")
        elif earlier.takes(product_id, quantity):
            await RELEASE.run(self._connection, purchase_id=purchase_id)

    async def give_back(self, *, refund_id: int, purchase_id: int, product_id: int, bought: int, quantity: int) -> None:
        """Return `quantity` of the quantity `bought` to stock, once for each refund.

        Writes the reservation first if the catalog lost it, as `confirm` does. A no-op if the reservation was released.
        """
        if await ProductRepository(self._connection).lock(id=product_id) is None:
            return
        earlier = await self._get(purchase_id)
        if earlier is None:
            await self._insert(purchase_id, product_id, bought, "confirmed")
        elif not earlier.takes(product_id, bought) or earlier.status not in {"reserved", "confirmed"}:
            return
        await GIVE_BACK.run(
            self._connection,
            refund_id=refund_id,
            purchase_id=purchase_id,
            product_id=product_id,
            quantity=quantity,
        )

    async def list_of(self, *, purchase_ids: Iterable[int]) -> list[Reservation]:
        """Return the reservations of these purchases."""
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
