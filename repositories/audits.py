"""Audits: the results of the last hundred runs."""

import json
from collections.abc import Sequence
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

    def members(self) -> dict[str, Any]:
        """Return the stored and shown members of the check."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Audit:
    """The result of one run; `ok` if no check found a row.

    `completed_at` is when the last run that read all rows finished: this one, or an earlier one.
    """

    ok: bool
    started_at: datetime
    finished_at: datetime
    completed_at: datetime
    checks: list[dict[str, Any]]


@dataclass(frozen=True)
class _Insertion:
    id: int
    finished_at: datetime


class AuditRepository:
    """The audits of one connection to the main database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, checks: Sequence[Check], started_at: datetime, completed_at: datetime | None) -> Audit:
        """Store the result of a run, and delete all but the last hundred.

        `completed_at` is None if the run read all rows.
        """
        ok = not any(check.rows for check in checks)
        text = json.dumps([check.members() for check in checks], default=plain)
        insertion = await INSERT.one(
            self._connection, _Insertion, ok=ok, checks=text, started_at=started_at, completed_at=completed_at
        )
        await TRIM.run(self._connection)
        finished_at = insertion.finished_at
        return Audit(ok, started_at, finished_at, completed_at or finished_at, json.loads(text))

    async def get_last(self) -> Audit | None:
        """Return the result of the last run, or None before the first."""
        return await GET_LAST.maybe(self._connection, Audit)


def plain(value: object) -> int | str:
    """Return a value of PostgreSQL's as JSON has it: a whole number, else text."""
    return int(value) if isinstance(value, Decimal) and value == int(value) else str(value)
