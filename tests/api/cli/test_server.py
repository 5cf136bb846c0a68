"""What only a socket shows: heads without bodies, clients that are slow, and who a proxy says it is."""

import asyncio
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from api import entries
from api.cli import protocol
from api.process.settings import Settings
from tests.api.test_transfers import order
from tests.harness.expect import found, problem
from tests.harness.world import World


@pytest.fixture
def deadline() -> float:
    """Seconds that a request may take; a test about it sets its own."""
    return 60.0


@pytest.fixture
def settings(settings: Settings, deadline: float) -> Settings:
    return settings.model_copy(update={"request_timeout": deadline})


def connect(address: str) -> socket.socket:
    url = urlsplit(address)
    return socket.create_connection((url.hostname, url.port), timeout=60)


def everything(client: socket.socket) -> bytes:
    """Read until the server closes."""
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


def test_head_is_get_without_a_body(address: str) -> None:
    """Status and headers of GET, on what is there and on what is not."""
    with httpx.Client(base_url=address, timeout=60) as http:
        for path, status in (("/posts", 200), ("/livez", 200), ("/posts/1", 404)):
            head, get = http.head(path), http.get(path)
            assert (head.status_code, head.content) == (status, b"")
            assert head.headers["Content-Length"] == str(len(get.content))
            assert head.headers["Content-Type"] == get.headers["Content-Type"]


@pytest.mark.parametrize("deadline", [3.0])
def test_a_body_that_does_not_arrive_is_408(address: str) -> None:
    """Within the deadline, and the connection is closed: what would still come is no request."""
    with connect(address) as client:
        client.sendall(
            b"POST /users HTTP/1.1\r\nHost: folio\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"
        )
        received = everything(client)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"request_timeout" in received
    assert b"connection: close" in received.lower()


def test_headers_that_do_not_arrive_end_the_connection(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an answer, as nothing was asked yet; headers over the limit are 431."""
    monkeypatch.setattr(protocol, "HEADERS_TIMEOUT", 0.5)
    with connect(address) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: fo")
        assert everything(client) == b""
    with connect(address) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nX: " + b"x" * (protocol.HEADERS_SIZE + 1))
        assert everything(client).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("deadline", [5.0])
async def test_a_slow_reader_of_a_long_statement_keeps_nobody_waiting(
    address: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may go on past the deadline of a request; meanwhile all of the pool is there for others."""
    monkeypatch.setattr(entries, "CSV_ROWS", 1)
    ada = await world.person("ada")
    account = await world.account(ada)
    for _ in range(5):
        await world.fund(account, 100)
    headers = ada.headers | {"Accept": "text/csv"}
    async with (
        httpx.AsyncClient(base_url=address, timeout=60) as http,
        http.stream("GET", f"/accounts/{account}/entries", headers=headers) as answer,
    ):
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith("account_id,version")
        await asyncio.sleep(5.5)
        busy = "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND datname = current_database()"
        assert await world.value(f"{busy} AND starts_with(application_name, 'folio serve ')") == 0
        assert len([line async for line in lines]) == 5


@pytest.mark.parametrize("deadline", [3.0])
async def test_a_deadline_is_answered_over_tcp_too(address: str, world: World) -> None:
    """503 deadline_exceeded while a row is locked, and the connection serves the next request."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    async with httpx.AsyncClient(base_url=address, timeout=60) as http:
        async with world.connection.transaction():
            await world.connection.execute("SELECT FROM accounts FOR UPDATE")
            answer = await http.post("/transfers", json=order(payer, payee), headers=ada.paying())
        problem(answer, 503, "deadline_exceeded")
        found(await http.get("/livez"))
