"""Connections: their limits in time, size and number, and requests that offer another protocol."""

import asyncio
import contextlib
import json
import resource
import shutil
import socket
import subprocess
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api import entries
from api.cli import connections, protocol
from api.http import arrivals
from api.process.settings import Settings
from tests.api.cli.test_server import connect, read_all
from tests.harness.expect import found
from tests.harness.metrics import Scraper
from tests.harness.processes import until
from tests.harness.world import Person, World

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: folio\r\n\r\n"
REQUEST_INSIDE = b"GET /users HTTP/1.1\r\nHost: folio\r\n\r\n"


@pytest.fixture(autouse=True)
def _fast_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CHECK_INTERVAL_SECONDS", 0.05)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"request_timeout": 20.0, "max_requests": 3})


def closed_within(client: socket.socket, seconds: float) -> bytes:
    """Read until the server closes the connection, which it does within some seconds."""
    client.settimeout(seconds)
    return read_all(client)


def statuses(received: bytes) -> list[int]:
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def body_of(received: bytes) -> dict[str, object]:
    value: dict[str, object] = json.loads(received.rpartition(b"\r\n\r\n")[2])
    return value


def post(ada: Person, body: bytes, *headers: bytes, length: bool = True) -> bytes:
    lines = [
        b"POST /posts HTTP/1.1",
        b"Host: folio",
        b"Authorization: Bearer " + ada.api_key.encode(),
        b"Content-Type: application/json",
        *headers,
        *([b"Content-Length: %d" % len(body)] if length else []),
    ]
    return b"\r\n".join([*lines, b"", b""])


POST = b'{"title": "t", "content": "c"}'
OFFERS = [
    [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"],
    [b"Connection: upgrade", b"Upgrade: websocket"],
    [b"Connection: keep-alive, Upgrade", b"upgrade: anything/1, other"],
]


@pytest.mark.parametrize("pause", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("offer", OFFERS)
async def test_an_upgrade_is_ignored_and_the_body_is_read(
    address: str, world: World, offer: list[bytes], chunked: bool, pause: bool
) -> None:
    """201 over HTTP/1.1 with `Connection: close`; bytes after the body are no request."""
    ada = await world.person("ada")
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(POST), POST) if chunked else POST
    head = post(ada, POST, *offer, *([b"Transfer-Encoding: chunked"] if chunked else []), length=not chunked)
    with connect(address) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in [head, body[:5], body[5:] + REQUEST_INSIDE] if pause else [head + body + REQUEST_INSIDE]:
            client.sendall(piece)
            await asyncio.sleep(0.2 if pause else 0)  # the pieces must arrive apart
        received = closed_within(client, 10)
    assert statuses(received) == [201]
    assert b"connection: close" in received.lower()
    assert await world.value("SELECT count(*) FROM posts WHERE content = 'c'") == 1


@pytest.mark.parametrize("declared", [True, False])
def test_a_request_inside_the_body_of_an_upgrade_is_not_served(address: str, declared: bool) -> None:
    """Headers, a pause, and a body that is itself a request: one answer, and the connection is closed."""
    length = b"Content-Length: %d\r\n" % len(REQUEST_INSIDE) if declared else b""
    with connect(address) as client:
        head = b"GET /livez HTTP/1.1\r\nHost: folio\r\nConnection: Upgrade\r\nUpgrade: x\r\n"
        client.sendall(head + length + b"\r\n")
        time.sleep(0.3)  # the body must arrive after the headers were served
        client.sendall(REQUEST_INSIDE)
        received = closed_within(client, 10)
    assert statuses(received) == [400 if declared else 200]
    assert b"connection: close" in received.lower()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_with_http2_posts_a_body(address: str, world: World) -> None:
    """`curl --http2` offers h2c with its first request."""
    ada = await world.person("ada")
    headers = {"Authorization": f"Bearer {ada.api_key}", "Content-Type": "application/json"}
    arguments = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["curl", "--http2", "-sS", "-o", "-", "-w", "%{http_code}", *arguments, "-d", POST.decode()]
    done = await asyncio.to_thread(
        subprocess.run, [*command, f"{address}/posts"], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("201"), done.stdout


JAVA = """
import java.net.URI;
import java.net.http.*;
class Post {
    public static void main(String[] a) throws Exception {
        var client = HttpClient.newHttpClient();
        for (int i = 0; i < 2; i++) {
            var request = HttpRequest.newBuilder(URI.create(a[0])).header("Authorization", "Bearer " + a[1])
                .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(a[2])).build();
            System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
        }
    }
}
"""


@pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK is installed")
async def test_the_http_client_of_a_jdk_posts_a_body(address: str, world: World, tmp_path: Path) -> None:
    """It offers h2c with each first request of a connection, unless it is told not to."""
    ada = await world.person("ada")
    (tmp_path / "Post.java").write_text(JAVA)
    command = ["java", str(tmp_path / "Post.java"), f"{address}/posts", ada.api_key, POST.decode()]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["201", "201"]


def test_headers_over_the_limit_are_431_and_a_url_over_it_is_414(address: str) -> None:
    """In one piece or in several, as a problem with X-Request-Id; headers of just the limit are read."""
    filler = b"x" * (protocol.MAX_HEADERS_BYTES - 1000)
    for head, status, code in (
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nX: %b%b\r\n\r\n" % (filler, filler), 431, "headers_too_large"),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nX: %b\r\nY: %b\r\n\r\n" % (filler, b"x" * 1100), 431, "headers_too_large"),
        (b"GET /livez?q=%b%b HTTP/1.1\r\nHost: x\r\n\r\n" % (filler, filler), 414, "uri_too_long"),
        (LIVEZ + b"GET /livez HTTP/1.1\r\nHost: x\r\nX: %b%b\r\n\r\n" % (filler, filler), 431, "headers_too_large"),
    ):
        for size in (len(head), 16_000):
            with connect(address) as client:
                for start in range(0, len(head), size):
                    client.sendall(head[start : start + size])
                received = closed_within(client, 10)
            assert statuses(received)[-1] == status, (head[:60], size)
            assert statuses(received)[:-1] == ([200] if head.startswith(LIVEZ) else [])
            problem = body_of(received)
            assert problem["code"] == code
            assert f"x-request-id: {problem['request_id']}".encode() in received.lower()
            assert b"application/problem+json" in received
    with connect(address) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: %b\r\n\r\n" % filler)
        assert statuses(closed_within(client, 10)) == [200]


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /livez HTTP/0.9\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n",
    ],
)
def test_a_request_that_is_not_http_is_a_400_problem(address: str, request_: bytes) -> None:
    """With X-Request-Id; a body that breaks off in a malformed chunk too. The connection is closed."""
    with connect(address) as client:
        client.sendall(request_)
        received = closed_within(client, 10)
    assert statuses(received) == [400]
    problem = body_of(received)
    assert problem["code"] == "bad_request"
    assert f"x-request-id: {problem['request_id']}".encode() in received.lower()
    assert b"connection: close" in received.lower()


def test_requests_before_a_malformed_one_are_answered(address: str) -> None:
    """In their order, and the 400 comes last."""
    with connect(address) as client:
        client.sendall(LIVEZ + LIVEZ + b"nonsense\r\n\r\n")
        assert statuses(closed_within(client, 10)) == [200, 200, 400]


def test_a_pipeline_deeper_than_16_requests_is_refused(address: str) -> None:
    """One request is served, 16 wait, and the next is 400; 4 MB more of them are not parsed."""
    with connect(address) as client:
        client.sendall(LIVEZ * 200)
        received = closed_within(client, 10)
        assert set(statuses(received)[:-1]) == {200}
        assert (len(statuses(received)), statuses(received)[-1]) == (protocol.MAX_PIPELINE_DEPTH + 2, 400)
    with connect(address) as client:
        client.sendall(LIVEZ * protocol.MAX_PIPELINE_DEPTH)
        until(lambda: client.recv(1_000_000, socket.MSG_PEEK).count(b"HTTP/1.1 200") == protocol.MAX_PIPELINE_DEPTH, 10)


@pytest.mark.parametrize("rest", [b"", b"\r\n", b"GET /livez HTTP/1.1\r\nHost: x\r\n"])
def test_a_connection_is_closed_some_time_after_its_answer(
    address: str, monkeypatch: pytest.MonkeyPatch, rest: bytes
) -> None:
    """After KEEP_ALIVE if no byte arrives, otherwise 10 s after the first byte."""
    monkeypatch.setattr(protocol, "HEADERS_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(
        protocol.BoundedProtocol, "timeout_keep_alive", property(lambda _: 1.5, lambda *_: None), raising=False
    )
    with connect(address) as client:
        client.sendall(LIVEZ)
        until(partial(answered, client), 10)
        started = time.monotonic()
        client.sendall(rest)
        client.settimeout(0.2)
        while True:
            try:
                if not client.recv(65536):
                    break
            except TimeoutError:
                assert time.monotonic() - started < 10
                if rest:
                    client.sendall(b"\r\n" if rest == b"\r\n" else b"X")
        assert time.monotonic() - started > (1.2 if not rest else 0.4)
        assert time.monotonic() - started < (5 if not rest else 1.4)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /nowhere HTTP/1.1\r\nHost: x\r\n", 404),
        (b"POST /posts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n", 401),
        (b"POST /users HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n", 415),
        (b"GET /posts HTTP/1.1\r\nHost: x\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n", 400),
        (b"HEAD /livez HTTP/1.1\r\nHost: x\r\n", 400),
        (b"DELETE /posts/1 HTTP/1.1\r\nHost: x\r\nIf-Match: *\r\n", 401),
    ],
)
def test_an_answer_before_the_body_closes_the_connection(
    address: str, monkeypatch: pytest.MonkeyPatch, head: bytes, status: int
) -> None:
    """The client reads the answer although it is still sending, and cannot go on sending for long."""
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.5)
    with connect(address) as client:
        client.sendall(head + b"Content-Length: 900000\r\n\r\n")
        received = closed_within(client, 10)
        assert statuses(received) == [status]
        assert b"connection: close" in received.lower()
        client.sendall(b"x" * 1000)  # not reset at once
        until(lambda: _is_reset(client), 10)


def _is_reset(client: socket.socket) -> bool:
    try:
        client.sendall(b"x")
    except OSError:
        return True
    return False


def test_a_request_without_a_key_is_401_before_its_body(address: str) -> None:
    """As is one whose key is malformed, on each route that needs a key."""
    for key in (b"", b"Authorization: Bearer folio_short\r\n", b"Authorization: Basic eA==\r\n"):
        for route in (b"POST /transfers", b"POST /transfers/1/reversal", b"PATCH /users/me", b"POST /ops/audit"):
            with connect(address) as client:
                client.sendall(route + b" HTTP/1.1\r\nHost: x\r\n" + key + b"Content-Length: 5\r\n\r\n")
                assert statuses(closed_within(client, 10)) == [401]


async def test_slow_bodies_keep_nobody_out(address: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit, the body that has been arriving longest is 503; arriving bodies are no requests in progress."""
    monkeypatch.setattr(arrivals, "MAX_ARRIVING", 4)
    ada = await world.person("ada")
    slow = [connect(address) for _ in range(6)]
    for client in slow:
        client.sendall(post(ada, POST) + POST[:3])
        await asyncio.sleep(0.1)  # they must begin in this order
    for client in slow[:2]:
        received = closed_within(client, 10)
        assert statuses(received) == [503]
        assert body_of(received)["code"] == "overloaded"
    async with httpx.AsyncClient(base_url=address, timeout=10) as http:
        found(await http.post("/posts", content=POST, headers=ada.headers | {"Content-Type": "application/json"}), 201)
    slow[-1].sendall(POST[3:])
    until(lambda: b"HTTP/1.1 201" in slow[-1].recv(1000, socket.MSG_PEEK), 10)
    for client in slow:
        client.close()


async def test_a_client_that_leaves_while_its_body_is_awaited_is_no_mistake(
    address: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """No answer, status none, and nothing above info in the log."""
    ada = await world.person("ada")
    operator = await world.person("root", role="operator")
    async with httpx.AsyncClient(base_url=address, timeout=60) as http:
        scraper = Scraper(http, operator)

        async def left() -> bool:
            return 'route="/posts",status="none"' in await scraper.read()

        with connect(address) as client:
            client.sendall(post(ada, POST) + POST[:3])
            await asyncio.sleep(0.2)  # the request must be waiting for its body
        deadline = time.monotonic() + 10
        while not await left():
            assert time.monotonic() < deadline
        assert 'route="/posts",status="500"' not in await scraper.read()
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


async def test_a_client_that_reads_nothing_is_disconnected(
    address: str, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Some time after its last progress, without a traceback; a client that reads slowly is not."""
    monkeypatch.setattr(protocol, "SEND_TIMEOUT_SECONDS", 1.0)
    ada = await world.person("ada")
    await world.connection.execute(
        "INSERT INTO posts (author_id, title, content) SELECT %s, 't', repeat('x', 100000) FROM generate_series(1, 20)",
        (ada.id,),
    )
    url = urlsplit(address)

    def small_window(connection: bytes) -> socket.socket:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((url.hostname, url.port))
        client.settimeout(30)
        client.sendall(b"GET /posts?limit=100 HTTP/1.1\r\nHost: x\r\nConnection: %b\r\n\r\n" % connection)
        return client

    with small_window(b"keep-alive") as idle:  # the whole answer fits into the system's queue
        await asyncio.sleep(4)  # nothing is read meanwhile
        with pytest.raises(ConnectionResetError):
            read_all(idle)
    with small_window(b"close") as slow:
        size = 0
        for _ in range(12):
            size += len(slow.recv(100_000))
            await asyncio.sleep(0.2)  # slower than SEND_TIMEOUT_SECONDS in all, never idle for as long
        while chunk := slow.recv(1_000_000):
            size += len(chunk)
    assert size > 2_000_000
    assert [record for record in caplog.records if record.exc_info] == []


def test_at_the_limit_the_longest_wait_makes_room(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle connections beyond the limit are closed, the oldest first, and each newcomer is served."""
    monkeypatch.setattr(connections, "connection_limit", lambda: 5)
    with contextlib.ExitStack() as stack:
        idle = []
        for _ in range(12):
            client = stack.enter_context(connect(address))
            client.sendall(LIVEZ)
            until(partial(answered, client), 10)
            idle.append(client)
        for client in idle[:7]:
            assert statuses(closed_within(client, 10)) == [200]
        for client in idle[7:]:
            client.recv(65536)
            client.sendall(LIVEZ)
            assert statuses(client.recv(65536)) == [200]


def answered(client: socket.socket) -> bool:
    return b'"alive"' in client.recv(65536, socket.MSG_PEEK)


def test_connections_are_fewer_than_file_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 10,000, and always some descriptors are left."""
    for files, limit in ((1024, 896), (256, 128), (1_000_000, 10_000), (resource.RLIM_INFINITY, 10_000)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert connections.connection_limit() == limit


async def test_http_1_0_gets_no_chunks(address: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CSV statement ends with the connection; HTTP/1.1 gets chunks of the same."""
    monkeypatch.setattr(entries, "CSV_ROWS", 1)
    ada = await world.person("ada")
    account = await world.account(ada)
    for _ in range(3):
        await world.fund(account, 100)
    key = f"Authorization: Bearer {ada.api_key}\r\nAccept: text/csv\r\n\r\n"
    with connect(address) as client:
        client.sendall(f"GET /accounts/{account}/entries HTTP/1.0\r\n{key}".encode())
        head, _, body = closed_within(client, 10).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    async with httpx.AsyncClient(base_url=address, timeout=60) as http:
        chunked = await http.get(f"/accounts/{account}/entries", headers=ada.headers | {"Accept": "text/csv"})
    assert (chunked.headers["Transfer-Encoding"], chunked.content) == ("chunked", body)
    assert body.count(b"\r\n") == 4


def test_keep_alive_is_a_setting(settings: Settings) -> None:
    """75 s by default: longer than the 60 s of load balancers."""
    assert settings.keep_alive == 75


@pytest.mark.parametrize("expectation", [b"200-ok", b"100-continue, 200-ok", b""])
async def test_an_unknown_expectation_is_ignored(address: str, world: World, expectation: bytes) -> None:
    """As RFC 9110 (10.1.1) permits: no 417, no 100, and the body is read."""
    ada = await world.person("ada")
    with connect(address) as client:
        client.sendall(post(ada, POST, b"Expect: " + expectation, b"Connection: close") + POST)
        assert statuses(closed_within(client, 10)) == [201]
