"""Finds violations: answers that break a promise, and acknowledged writes that are lost or doubled."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx

MAX_ANSWER_SECONDS = 10.0
MAX_RECOVERY_SECONDS = 5.0
"""From the return of the database to the return of service."""
# Key and id of each resource, by route. The load uses the key as description; a purchase has no description.
RESOURCES = {
    "transfer": "SELECT description, id FROM transfers WHERE description LIKE 'transfer %'",
    "hold": "SELECT description, id FROM holds WHERE description LIKE 'hold %'",
    "capture": "SELECT replace(holds.description, 'hold', 'capture'), transfers.id FROM transfers"
    " JOIN holds ON holds.id = transfers.hold_id",
    "purchase": "SELECT keys.key, purchases.id FROM purchases"
    " LEFT JOIN idempotency_keys AS keys ON keys.kind = 'purchase' AND keys.resource_id = purchases.id",
}


@dataclass(frozen=True)
class Answer:
    """The answer to one request; `status` is 0 if the connection ended without one."""

    route: str
    key: str
    sent_at: float
    seconds: float
    status: int
    code: str = ""
    """A problem's code."""
    resource_id: int | None = None
    """The acknowledged id: of a transfer, a hold, the transfer of a capture, or a purchase."""
    flaw: str = ""
    """The promise that the answer breaks, apart from its time."""

    @property
    def ended_at(self) -> float:
        return self.sent_at + self.seconds

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def violation(self) -> str:
        """The promises that the answer breaks, or an empty string."""
        late = f"answered after {self.seconds:.1f} s" if self.seconds > MAX_ANSWER_SECONDS else ""
        return "; ".join(filter(None, (self.flaw, late)))


def flaw(answer: httpx.Response) -> str:
    """Return the reason if an answer is neither a success nor a complete 503, else an empty string.

    The load sends only requests that must succeed, so a 4xx is as wrong as a 500.
    """
    if answer.is_success:
        return ""
    if answer.status_code != 503:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.headers.get("Content-Type") != "application/problem+json":
        return "503 that is not a problem document"
    if not answer.json().get("code"):
        return "503 without a code"
    if not answer.headers.get("Retry-After", "").isdecimal():
        return "503 without Retry-After"
    return ""


async def resources(main: str) -> dict[str, list[tuple[str, int]]]:
    """Return key and id of each resource in the main database, by route."""
    async with await psycopg.AsyncConnection.connect(main) as connection:
        return {route: await (await connection.execute(query)).fetchall() for route, query in RESOURCES.items()}


def lost_or_doubled(answers: Iterable[Answer], stored: Mapping[str, list[tuple[Any, int]]]) -> list[str]:
    """Return a line for each acknowledged id that is not stored under its key, and for each key with two resources."""
    violations = []
    for route, rows in stored.items():
        counts = Counter(key for key, _ in rows)
        violations += [f"{route} under {key!r} twice" for key, count in counts.items() if count > 1]
        acknowledged = {
            (answer.key, answer.resource_id) for answer in answers if answer.route == route and answer.succeeded
        }
        violations += [f"{route} {id_} of {key!r} was acknowledged and is lost" for key, id_ in acknowledged - {*rows}]
    return violations
