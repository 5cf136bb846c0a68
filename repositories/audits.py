"""Audits: the results of the last hundred runs."""

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
    """The rows that break one invariant; `in_flight` has the purchases in flight if both databases are compared."""

    name: str
    rows: list[dict[str, Any]]
    in_flight: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class Audit:
    """The result of one run; `ok` if no check found a row."""

    ok: bool
    finished_at: datetime
    checks: list[dict[str, Any]]


@dataclass(frozen=True)
class _Insertion:
    id: int
    finished_at: datetime


class AuditRepository:
    """The audits of one connection to the main database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, checks: list[Check]) -> Audit:
        """Store the result of a run, and delete all but the last hundred."""
        ok = not any(check.rows for check in checks)
        text = json.dumps([_members(check) for check in checks], default=_plain)
        insertion = await INSERT.one(self._connection, _Insertion, ok=ok, checks=text)
        await TRIM.run(self._connection)
        return Audit(ok, insertion.finished_at, json.loads(text))

    async def get_last(self) -> Audit | None:
        """Return the result of the last run, or None before the first."""
        return await GET_LAST.maybe(self._connection, Audit)


def _members(check: Check) -> dict[str, Any]:
    return {name: value for name, value in vars(check).items() if value is not None}


def _plain(value: object) -> int | str:
    return int(value) if isinstance(value, Decimal) and value == int(value) else str(value)
