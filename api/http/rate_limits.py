"""Rate limits by address and minute, counted in the database, so that all processes share them."""

import ipaddress

from fastapi import Request

from api.http.problems import Problem
from repositories.postgres.pools import Checkout
from repositories.request_counts import RequestCountRepository


async def limit(request: Request, main: Checkout, *, kind: str, most: int) -> None:
    """Count this request for its address. Raises 429 if the address exceeds `most` this minute (0: no limit)."""
    if most == 0:
        return
    counted = await RequestCountRepository(main.connection).add(kind=kind, address=_address(request))
    if counted.count > most:
        raise Problem(
            "too_many_requests",
            f"One address may send at most {most} a minute.",
            headers={"Retry-After": str(max(1, counted.seconds_left))},
        )


def _address(request: Request) -> str:
    """Return the client's IPv4 address, or the /64 network of its IPv6 address: one household has a whole /64."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)
