"""Reconciliation: the purchases of main against the reservations of the catalog, by pages, without a common snapshot.

Compared is what was decided a while ago; what is not at its end is in flight and is not a break. A difference is read
again before it is reported, since either side may have moved between the two readings.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from repositories.postgres import connections
from repositories.postgres.statements import Connection
from repositories.purchases import PurchaseRepository, PurchaseState
from repositories.reservations import Reservation, ReservationRepository

PAGE = 1000
AGE = 60
"""Seconds since the decision: what is younger may still be on its way."""
EXPECTED = {"completed": {"confirmed"}, "rejected": {"refused", "released"}, "refunded": {"released"}}
"""What the reservation of a purchase is by then."""

Row = dict[str, Any]


async def compare(
    conninfos: Mapping[str, str], *, limit: int, budgets: Mapping[str, str], patience: float
) -> tuple[list[Row], list[Row]]:
    """Return what contradicts and what is in flight, `limit` rows of each at the most; on connections of its own."""
    async with (
        connections.connect(conninfos["main"], purpose="audit", budgets=budgets, patience=patience) as main,
        connections.connect(conninfos["catalog"], purpose="audit", budgets=budgets, patience=patience) as catalog,
    ):
        breaks, in_flight = await _purchases(main, catalog, limit)
        return (breaks + await _orphans(main, catalog, limit))[:limit], in_flight


async def _purchases(main: Connection, catalog: Connection, limit: int) -> tuple[list[Row], list[Row]]:
    """Read every purchase, and what the catalog has of it."""
    breaks: list[Row] = []
    in_flight: list[Row] = []
    page = await _page(main, 0, PAGE)
    while page and len(breaks) < limit:
        found = await _reservations(catalog, page)
        for purchase in page:
            if not purchase.finished:
                if len(in_flight) < limit:
                    in_flight.append({"purchase_id": purchase.id, "status": purchase.status})
            elif _contradicts(purchase, found.get(purchase.id)):
                breaks += await _again(main, catalog, purchase)
        page = await _page(main, page[-1].id, PAGE)
    return breaks, in_flight


async def _again(main: Connection, catalog: Connection, purchase: PurchaseState) -> list[Row]:
    """Read one purchase again, and return how it contradicts, if it still does."""
    now = await _page(main, purchase.id - 1, 1)
    if [row.id for row in now] != [purchase.id] or not now[0].finished:
        return []  # decided anew since, and in flight
    reservation = (await _reservations(catalog, now)).get(purchase.id)
    if not _contradicts(now[0], reservation):
        return []
    row: Row = {"purchase_id": purchase.id, "purchase": now[0].status, "reservation": None}
    if reservation is not None:
        row["reservation"] = reservation.status
    for member in ("product_id", "quantity"):
        if reservation is not None and getattr(reservation, member) != getattr(now[0], member):
            row[member] = [getattr(now[0], member), getattr(reservation, member)]
    return [row]


async def _orphans(main: Connection, catalog: Connection, limit: int) -> list[Row]:
    """Read every reservation, and return those of no purchase: a purchase is committed before its reservation."""
    orphans: list[Row] = []
    reservations = ReservationRepository(catalog)
    page = await reservations.list_after(after_id=0, limit=PAGE)
    while page and len(orphans) < limit:
        known = await PurchaseRepository(main).known(ids=[row.purchase_id for row in page])
        orphans += [
            {"purchase_id": row.purchase_id, "purchase": None, "reservation": row.status}
            for row in page
            if row.purchase_id not in known
        ]
        page = await reservations.list_after(after_id=page[-1].purchase_id, limit=PAGE)
    return orphans


async def _page(main: Connection, after_id: int, limit: int) -> list[PurchaseState]:
    return await PurchaseRepository(main).list_after(after_id=after_id, age=AGE, limit=limit)


async def _reservations(catalog: Connection, page: Sequence[PurchaseState]) -> dict[int, Reservation]:
    rows = await ReservationRepository(catalog).list_of(purchase_ids=[purchase.id for purchase in page])
    return {row.purchase_id: row for row in rows}


def _contradicts(purchase: PurchaseState, reservation: Reservation | None) -> bool:
    return (
        reservation is None
        or reservation.status not in EXPECTED[purchase.status]
        or (reservation.product_id, reservation.quantity) != (purchase.product_id, purchase.quantity)
    )
