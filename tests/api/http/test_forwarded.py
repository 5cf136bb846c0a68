"""The address of a client behind trusted proxies."""

import pytest
from starlette.types import Receive, Scope, Send

from api.http.forwarded import ForwardedClient
from api.process.settings import networks


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["203.0.113.5, 10.0.0.2"], "203.0.113.5"),
        ("10.0.0.1", ["203.0.113.5", "10.0.0.2"], "203.0.113.5"),
        ("10.0.0.1", ["203.0.113.5:8080"], "203.0.113.5"),
        ("10.0.0.1", ["[2001:db8::1]:8080"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("192.0.2.1", ["203.0.113.5"], "203.0.113.5"),
        ("::ffff:192.0.2.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("198.51.100.7", ["203.0.113.5"], "198.51.100.7"),
        # An entry that is no address counts as the nearest proxy.
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.000.113.005"], "10.0.0.1"),
        ("10.0.0.1", ["x" * 4096], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5, unknown, 10.0.0.2"], "10.0.0.2"),
    ],
)
async def test_the_client_is_the_nearest_address_that_is_no_trusted_proxy(
    peer: str, forwarded: list[str], client: str
) -> None:
    """From the right, as far as the entries are addresses."""
    seen: list[str] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["client"][0])

    async def nothing(*_: object) -> None:
        raise AssertionError

    headers = [(b"x-forwarded-for", entry.encode()) for entry in forwarded]
    scope = {"type": "http", "client": (peer, 1234), "headers": headers}
    await ForwardedClient(app, networks("10.0.0.0/8, ::ffff:192.0.2.1"))(scope, nothing, nothing)  # type: ignore[arg-type]
    assert seen == [client]
