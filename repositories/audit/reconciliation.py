"""Reconciliation: compare the purchases of main with the reservations of the catalog, page by page.

The two databases have no common snapshot. So only purchases that were decided a while ago are compared, unfinished ones
are in flight and break nothing, and a difference is read again before it is reported.
"""

from collections.abc import Sequence
from typing import Any

from repositories.audits import Check
from repositories.postgres.statements import Connection
from repositories.purchases import PurchaseRepository, PurchaseState
from repositories.reservations import Reservation, ReservationRepository

PAGE_SIZE = 1000
MIN_AGE_SECONDS = 60
"""Time since the decision: the catalog may not know a younger one yet."""
EXPECTED_STATUSES = {"completed": {"confirmed"}, "rejected": {"refused", "released"}, "refunded": {"released"}}
"""Statuses of the reservation by the status of its purchase."""

Row = dict[str, Any]


async def compare(main: Connection, catalog: Connection, *, limit: int) -> Check:
    """Compare both databases; return at most `limit` contradictions and at most `limit` purchases in flight."""
    breaks, in_flight = await _compare_purchases(main, catalog, limit)
    orphans = await _list_orphans(main, catalog, limit)
    return Check("both/purchases", (breaks + orphans)[:limit], in_flight)


async def _compare_purchases(main: Connection, catalog: Connection, limit: int) -> tuple[list[Row], list[Row]]:
    """Compare every purchase with its reservation; return the contradictions and the purchases in flight."""
    breaks: list[Row] = []
    in_flight: list[Row] = []
    page = await _page(main, 0, PAGE_SIZE)
    while page and len(breaks) < limit:
        reservations = await _reservations(catalog, page)
        for purchase in page:
            if not purchase.finished:
                if len(in_flight) < limit:
                    in_flight.append({"purchase_id": purchase.id, "status": purchase.status})
            elif _contradicts(purchase, reservations.get(purchase.id)):
                breaks += await _compare_again(main, catalog, purchase)
        page = await _page(main, page[-1].id, PAGE_SIZE)
    return breaks, in_flight


async def _compare_again(main: Connection, catalog: Connection, purchase: PurchaseState) -> list[Row]:
    """Read one purchase and its reservation again; return the contradiction if there still is one."""
    page = await _page(main, purchase.id - 1, 1)
    if [row.id for row in page] != [purchase.id] or not page[0].finished:
        return []  # changed since, and in flight again
    [current] = page
    reservation = (await _reservations(catalog, page)).get(purchase.id)
    if not _contradicts(current, reservation):
        return []
    row: Row = {"purchase_id": purchase.id, "purchase": current.status, "reservation": None}
    if reservation is not None:
        row["reservation"] = reservation.status
    for member in ("product_id", "quantity"):
        if reservation is not None and getattr(reservation, member) != getattr(current, member):
            row[member] = [getattr(current, member), getattr(reservation, member)]
    return [row]


async def _list_orphans(main: Connection, catalog: Connection, limit: int) -> list[Row]:
    """Return the reservations that have no purchase: a purchase is committed before its reservation."""
    orphans: list[Row] = []
    reservations = ReservationRepository(catalog)
    page = await reservations.list_after(after_id=0, limit=PAGE_SIZE)
    while page and len(orphans) < limit:
        known = await PurchaseRepository(main).known(ids=[row.purchase_id for row in page])
        orphans += [
            {"purchase_id": row.purchase_id, "purchase": None, "reservation": row.status}
            for row in page
            if row.purchase_id not in known
        ]
        page = await reservations.list_after(after_id=page[-1].purchase_id, limit=PAGE_SIZE)
    return orphans


async def _page(main: Connection, after_id: int, limit: int) -> list[PurchaseState]:
    return await PurchaseRepository(main).list_after(after_id=after_id, age=MIN_AGE_SECONDS, limit=limit)


async def _reservations(catalog: Connection, page: Sequence[PurchaseState]) -> dict[int, Reservation]:
    rows = await ReservationRepository(catalog).list_of(purchase_ids=[purchase.id for purchase in page])
    return {row.purchase_id: row for row in rows}


def _contradicts(purchase: PurchaseState, reservation: Reservation | None) -> bool:
    return (
        reservation is None
        or reservation.status not in EXPECTED_STATUSES[purchase.status]
        or (reservation.product_id, reservation.quantity) != (purchase.product_id, purchase.quantity)
    )
