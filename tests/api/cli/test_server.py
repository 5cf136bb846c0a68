"""The server over a real socket: HEAD, slow clients and deadlines."""

import asyncio
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from api import entries
from api.cli import protocol
from api.process.settings import Settings
from tests.harness.expect import found, problem
from tests.harness.payments import order
from tests.harness.world import World


@pytest.fixture
def deadline() -> float:
    """Seconds that a request may take; a test of the deadline sets its own."""
    return 60.0


@pytest.fixture
def settings(settings: Settings, deadline: float) -> Settings:
    return settings.model_copy(update={"request_timeout": deadline})


def connect(address: str) -> socket.socket:
    url = urlsplit(address)
    return socket.create_connection((url.hostname, url.port), timeout=60)


def read_all(client: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


def test_head_is_get_without_a_body(address: str) -> None:
    """HEAD has the status and headers of GET, for found and for missing resources."""
    with httpx.Client(base_url=address, timeout=60) as http:
        for path, status in (("/posts", 200), ("/livez", 200), ("/posts/1", 404)):
            head, get = http.head(path), http.get(path)
            assert (head.status_code, head.content) == (status, b"")
            assert head.headers["Content-Length"] == str(len(get.content))
            assert head.headers["Content-Type"] == get.headers["Content-Type"]


@pytest.mark.parametrize("deadline", [3.0])
def test_a_body_that_does_not_arrive_is_408(address: str) -> None:
    """The answer comes within the deadline, and closes the connection: later bytes are no request."""
    with connect(address) as client:
        client.sendall(
            b"POST /users HTTP/1.1\r\nHost: folio\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"
        )
        received = read_all(client)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"request_timeout" in received
    assert b"connection: close" in received.lower()


def test_headers_that_do_not_arrive_end_the_connection(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no answer, since there is no request yet; headers over the limit are 431."""
    monkeypatch.setattr(protocol, "HEADERS_TIMEOUT_SECONDS", 0.5)
    with connect(address) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: fo")
        assert read_all(client) == b""
    with connect(address) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nX: " + b"x" * (protocol.MAX_HEADERS_BYTES + 1))
        assert read_all(client).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("deadline", [5.0])
async def test_a_slow_reader_of_a_long_statement_uses_no_connection(
    address: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may read past the deadline of a request; meanwhile no connection of the pool is checked out."""
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
async def test_an_exceeded_deadline_is_answered_over_tcp(address: str, world: World) -> None:
    """The answer is 503 deadline_exceeded while a row is locked, and the connection serves the next request."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    async with httpx.AsyncClient(base_url=address, timeout=60) as http:
        async with world.connection.transaction():
            await world.connection.execute("SELECT FROM accounts FOR UPDATE")
            answer = await http.post("/transfers", json=order(payer, payee), headers=ada.paying())
        problem(answer, 503, "deadline_exceeded")
        found(await http.get("/livez"))
