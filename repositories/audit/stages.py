"""Stages: the parts of an audit, each of which reads its rows slice by slice."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from repositories.audit import invariants, reconciliation, sellers
from repositories.audit.steps import Connections, Step


@dataclass(frozen=True)
class Stage:
    """A part of an audit. `step` reads the slice after a position.

    `start` names the position before the rows that are new, for an audit of those: a table, or `since` for a time.
    """

    name: str
    step: Callable[[Connections, str | None], Awaitable[Step]]
    start: str | None = None


ALL = (
    Stage("purchases", reconciliation.compare_purchases),
    Stage("reservations", reconciliation.list_orphans),
    Stage("products", sellers.compare),
    Stage("catalog", invariants.reader("catalog", "bigint")),
    Stage("ids", invariants.reader("main", "bigint")),
    Stage("entries", invariants.reader("main", "bigint[]")),
    Stage("times", invariants.reader("main", "timestamptz")),
)
"""An audit of all rows."""
NEW = {"chain", "dates", "entries_pair_up", "reversals", "sum_zero"}
"""Invariants of transfers and entries, which are never changed: new rows are new ids."""
RECENT = (
    Stage("purchases", reconciliation.compare_purchases, "purchases"),
    Stage("ids", invariants.reader("main", "bigint", NEW), "transfers"),
    Stage("times", invariants.reader("main", "timestamptz"), "since"),
)
"""An audit of new transfers, their entries and keys, and new purchases."""
