"""Rate limits by address or user and minute, counted in the database, so that all processes share them."""

import math

from fastapi import Request

from api.http.problems import Problem
from api.process.callers import address_of
from repositories.api_keys import Caller
from repositories.postgres.pools import Checkout
from repositories.request_counts import RequestCountRepository


class TooMany(Problem):
    """429 `too_many_requests` for a limit that is free again in `seconds`."""

    def __init__(self, detail: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__("too_many_requests", detail, headers={"Retry-After": str(max(1, math.ceil(seconds)))})


def address(request: Request) -> str:
    """Return the address by which a client is counted."""
    return address_of(request.client.host if request.client else "")


async def limit(request: Request, main: Checkout, *, kind: str, most: int) -> None:
    """Count this request for its address. Raises 429 if the address exceeds `most` this minute (0: no limit)."""
    if most == 0:
        return
    counted = await RequestCountRepository(main.connection).add(kind=kind, source=address(request))
    if counted.count > most:
        raise TooMany(f"One address may send at most {most} a minute.", counted.seconds_left)


async def limit_user(caller: Caller, main: Checkout, *, kind: str, most: int) -> None:
    """Count this request for its user. Raises 429 if the user exceeds `most` this minute."""
    counted = await RequestCountRepository(main.connection).add(kind=kind, source=f"user {caller.user_id}")
    if counted.count > most:
        raise TooMany(f"One user may send at most {most} a minute.", counted.seconds_left)
