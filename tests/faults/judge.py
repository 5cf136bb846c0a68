"""What counts as a violation: of an answer by itself, and of the databases by what was acknowledged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx

LONGEST = 10.0
"""Seconds within which every request is answered."""
RECOVERY = 5.0
"""Seconds within which service returns, once the database is back."""
# What was made under a key, by the route that made it: each was given its key as description. A purchase has none.
MADE = {
    "transfer": "SELECT description, id FROM transfers WHERE description LIKE 'transfer %'",
    "hold": "SELECT description, id FROM holds WHERE description LIKE 'hold %'",
    "capture": "SELECT replace(holds.description, 'hold', 'capture'), transfers.id FROM transfers"
    " JOIN holds ON holds.id = transfers.hold_id",
    "purchase": "SELECT keys.key, purchases.id FROM purchases"
    " LEFT JOIN idempotency_keys AS keys ON keys.kind = 'purchase' AND keys.resource_id = purchases.id",
}


@dataclass(frozen=True)
class Answer:
    """What one request came to; `status` is 0 where there was no answer."""

    route: str
    key: str
    began: float
    seconds: float
    status: int
    code: str = ""
    """A problem's code."""
    made: int | None = None
    """The id that was acknowledged: of a transfer, a hold, the transfer that captured one, or a purchase."""
    flaw: str = ""
    """Why it is no answer that a client should get, but for the time that it took."""

    @property
    def ended(self) -> float:
        return self.began + self.seconds

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def violation(self) -> str:
        """Say what is wrong with it; nothing where nothing is."""
        late = f"answered after {self.seconds:.1f} s" if self.seconds > LONGEST else ""
        return "; ".join(filter(None, (self.flaw, late)))


def flaw(answer: httpx.Response) -> str:
    """Say why an answer is neither what was asked for nor an honest fault; nothing where it is one of these.

    The load asks for nothing that could be refused, so that a 4xx is as wrong as a 500.
    """
    if answer.is_success:
        return ""
    if answer.status_code != 503:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.headers.get("Content-Type") != "application/problem+json":
        return "503 that is no problem"
    if not answer.json().get("code"):
        return "503 without a code"
    if not answer.headers.get("Retry-After", "").isdecimal():
        return "503 without Retry-After"
    return ""


async def made(main: str) -> dict[str, list[tuple[str, int]]]:
    """Return what is in the main database, as (key, id), by route."""
    async with await psycopg.AsyncConnection.connect(main) as connection:
        return {route: await (await connection.execute(query)).fetchall() for route, query in MADE.items()}


def lost_or_doubled(answers: Iterable[Answer], there: Mapping[str, list[tuple[Any, int]]]) -> list[str]:
    """Compare what was acknowledged with what is there: each id under its key, and no key twice."""
    wrong = []
    for route, rows in there.items():
        wrong += [f"{route} under {key!r} twice" for key, times in Counter(key for key, _ in rows).items() if times > 1]
        acknowledged = {(each.key, each.made) for each in answers if each.route == route and each.succeeded}
        wrong += [f"{route} {made} of {key!r} was acknowledged and is gone" for key, made in acknowledged - {*rows}]
    return wrong
