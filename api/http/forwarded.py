"""The address of a client behind trusted proxies, from X-Forwarded-For."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.process.settings import Network

Address = IPv4Address | IPv6Address


class ForwardedClient:
    """Replaces the client of a request that comes from a trusted proxy by the nearest client that is none."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its client's address."""
        if scope["type"] == "http" and scope.get("client"):
            host, _ = scope["client"]
            values = Headers(scope=scope).getlist("x-forwarded-for")
            client = self._client(host, [entry for value in values for entry in value.split(",")])
            if client != host:
                scope["client"] = (client, 0)
        await self._app(scope, receive, send)

    def _client(self, host: str, forwarded: Iterable[str]) -> str:
        """Walk from the peer towards the client, as long as each address is a trusted proxy's.

        An entry that is no address counts as the proxy that passed it on: text of a client's own would be an address
        of its own, without limit.
        """
        nearest = _parse(host)
        for entry in reversed(list(forwarded)):
            if nearest is None or not any(nearest in network for network in self._trusted):
                break
            further = _parse(entry)
            if further is None:
                break
            nearest = further
        return host if nearest is None else str(nearest)


def _parse(text: str) -> Address | None:
    """Return the address of an entry: bare, as host:port, or in brackets; None if it is no address."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
