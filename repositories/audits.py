"""Audits: the findings of each run, the last hundred of which are stored."""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from repositories.postgres.statements import Connection, statement

INSERT = statement("main/audits/insert")
GET_LAST = statement("main/audits/get_last")
TRIM = statement("main/audits/trim")


@dataclass(frozen=True)
class Check:
    """One invariant and the rows that break it: none when all is well; and, across the two, what is in flight."""

    name: str
    rows: list[dict[str, Any]]
    in_flight: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class Audit:
    """What one run found."""

    ok: bool
    finished_at: datetime
    checks: list[dict[str, Any]]


@dataclass(frozen=True)
class _Kept:
    id: int
    finished_at: datetime


class AuditRepository:
    """The audits of one connection to the main database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, checks: list[Check]) -> Audit:
        """Keep what an audit found, and forget all but the last hundred."""
        ok = not any(check.rows for check in checks)
        found = json.dumps([_members(check) for check in checks], default=_plain)
        kept = await INSERT.one(self._connection, _Kept, ok=ok, checks=found)
        await TRIM.run(self._connection)
        return Audit(ok, kept.finished_at, json.loads(found))

    async def get_last(self) -> Audit | None:
        """Return what the last audit found, or None before the first."""
        return await GET_LAST.maybe(self._connection, Audit)


def _members(check: Check) -> dict[str, Any]:
    return {name: value for name, value in vars(check).items() if value is not None}


def _plain(value: object) -> int | str:
    return int(value) if isinstance(value, Decimal) and value == int(value) else str(value)
