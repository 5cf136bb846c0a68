"""Reconciliation: compare the purchases of main with the reservations of the catalog, page by page.

The two databases have no common snapshot. So only purchases that were decided a while ago are compared, unfinished ones
are in flight and break nothing, and a difference is read again before it is reported.
"""

from collections.abc import Sequence
from typing import Any

from repositories.audit.steps import Connections, Step
from repositories.audits import Check
from repositories.postgres.statements import Connection
from repositories.purchases import PurchaseRepository, PurchaseState
from repositories.reservations import Reservation, ReservationRepository

NAME = "both/purchases"
PAGE_SIZE = 1000
MIN_AGE_SECONDS = 60
"""Time since the decision: the catalog may not know a younger one yet."""
EXPECTED_STATUSES = {
    "completed": {"confirmed"},
    "rejected": {"refused", "released"},
    "refunded": {"confirmed", "released"},
}
"""Statuses of the reservation by the status of its purchase."""

Row = dict[str, Any]


async def compare_purchases(connections: Connections, after: str | None) -> Step:
    """Compare a page of purchases with their reservations; unfinished purchases are in flight."""
    page = await _page(connections.main, int(after or 0), PAGE_SIZE)
    reservations = await _reservations(connections.catalog, page)
    rows: list[Row] = []
    in_flight: list[Row] = []
    for purchase in page:
        if not purchase.finished:
            in_flight.append({"purchase_id": purchase.id, "status": purchase.status})
        elif _contradicts(purchase, reservations.get(purchase.id)):
            rows += await _compare_again(connections.main, connections.catalog, purchase)
    until = str(page[-1].id) if len(page) == PAGE_SIZE else None
    return Step([Check(NAME, rows, in_flight)], until)


async def list_orphans(connections: Connections, after: str | None) -> Step:
    """Find the reservations of a page that have no purchase: a purchase is committed before its reservation."""
    page = await ReservationRepository(connections.catalog).list_after(after_id=int(after or 0), limit=PAGE_SIZE)
    known = await PurchaseRepository(connections.main).known(ids=[row.purchase_id for row in page])
    orphans: list[Row] = [
        {"purchase_id": row.purchase_id, "purchase": None, "reservation": row.status}
        for row in page
        if row.purchase_id not in known
    ]
    until = str(page[-1].purchase_id) if len(page) == PAGE_SIZE else None
    return Step([Check(NAME, orphans)], until)


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
    if reservation is not None and current.status != "rejected" and reservation.returned != current.refunded_quantity:
        row["returned"] = [current.refunded_quantity, reservation.returned]
    return [row]


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
        or (purchase.status != "rejected" and reservation.returned != purchase.refunded_quantity)
    )
