"""Following an account: the entries after a version, waits, and streams of events."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from api.http import event_streams, following
from api.process.service import service_of
from api.process.settings import Settings
from repositories.entries import LIST_AFTER
from tests.harness.expect import contents, found, problem
from tests.harness.launcher import PATIENCE
from tests.harness.payments import order
from tests.harness.tail import Tail, resumed, tailing
from tests.harness.world import Person, World

FEW = {"followers": 3, "followers_per_user": 2, "requests_per_caller": 2}


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """A wait takes longer than a request may. Within the process, few may follow."""
    limits = {} if "address" in request.fixturenames else FEW
    return settings.model_copy(update={"request_timeout": 5.0} | limits)


@pytest.fixture
async def ada(world: World) -> Person:
    return await world.person("ada")


@pytest.fixture
async def account(world: World, ada: Person) -> int:
    """An account of Ada's with the versions 1 to 3."""
    account = await world.account(ada)
    for amount in (10, 20, 30):
        await world.fund(account, amount)
    return account


async def test_entries_after_a_version_are_the_oldest_first(
    client: httpx.AsyncClient, account: int, ada: Person
) -> None:
    """A page of them, and the last one's version, after which the next page continues."""

    async def after(version: int, limit: int = 2) -> tuple[list[int], int]:
        params = {"after_version": version, "limit": limit}
        page = found(await client.get(f"/accounts/{account}/entries", params=params, headers=ada.headers))
        assert page.keys() == {"items", "last_version"}
        return [entry["version"] for entry in page["items"]], page["last_version"]

    assert [await after(version) for version in (0, 2, 3)] == [([1, 2], 2), ([3], 3), ([], 3)]
    newest = found(await client.get(f"/accounts/{account}/entries", headers=ada.headers))["items"]
    oldest = await client.get(f"/accounts/{account}/entries?after_version=0", headers=ada.headers)
    assert found(oldest)["items"] == newest[::-1]


@pytest.mark.parametrize(
    ("query", "headers", "location"),
    [
        ("after_version=4", {}, ["query", "after_version"]),
        ("after_version=4&wait=30", {}, ["query", "after_version"]),
        ("after_version=-1", {}, ["query", "after_version"]),
        ("after_version=1.0", {}, ["query", "after_version"]),
        ("after_version=9007199254740992", {}, ["query", "after_version"]),
        ("after_version=", {}, ["query", "after_version"]),
        ("after_version=0&wait=31", {}, ["query", "wait"]),
        ("after_version=0&wait=-1", {}, ["query", "wait"]),
        ("after_version=0&wait=1s", {}, ["query", "wait"]),
        ("wait=5", {}, ["query", "wait"]),
        ("after_version=0&cursor=x", {}, ["query", "cursor"]),
        ("after_version=0&from=2026-01-01T00:00:00Z", {}, ["query", "from"]),
        ("after_version=0&wait=1&to=2026-01-01T00:00:00Z", {}, ["query", "to"]),
        ("after_version=0&limit=101", {}, ["query", "limit"]),
        ("", {"Accept": "text/event-stream"}, ["query", "after_version"]),
        ("after_version=4", {"Accept": "text/event-stream"}, ["query", "after_version"]),
        ("after_version=0", {"Accept": "text/event-stream", "Last-Event-ID": "4"}, ["header", "Last-Event-ID"]),
        ("", {"Accept": "text/event-stream", "Last-Event-ID": "x"}, ["header", "Last-Event-ID"]),
        ("to=2026-01-01T00:00:00Z", {"Accept": "text/event-stream", "Last-Event-ID": "1"}, ["query", "to"]),
    ],
)
async def test_a_wrong_parameter_is_named(
    client: httpx.AsyncClient,
    world: World,
    account: int,
    ada: Person,
    query: str,
    headers: dict[str, str],
    location: Any,
) -> None:
    """422 at once; it changes nothing."""
    before = await contents(world)
    answer = await client.get(f"/accounts/{account}/entries?{query}", headers=ada.headers | headers)
    [error] = problem(answer, 422, "validation_error")["errors"]
    assert error["loc"] == location
    assert await contents(world) == before


@pytest.mark.parametrize("headers", [{}, {"Accept": "text/event-stream"}])
async def test_only_the_owner_and_operators_follow(
    client: httpx.AsyncClient, world: World, account: int, headers: dict[str, str]
) -> None:
    """401 without a key; a stranger gets the 404 of an account that is not there, whatever the version."""
    stranger = await world.person("eve")
    problem(await client.get(f"/accounts/{account}/entries?after_version=0", headers=headers), 401, "unauthorized")
    for version in (0, 9):
        path = f"/accounts/{account}/entries?after_version={version}"
        problem(await client.get(path, headers=stranger.headers | headers), 404, "account_not_found")


async def test_a_head_request_neither_waits_nor_follows(client: httpx.AsyncClient, account: int, ada: Person) -> None:
    """Its answer has the type of the GET's."""
    path = f"/accounts/{account}/entries?after_version=3&wait=30"
    async with asyncio.timeout(20):
        for media_type in ("application/json", "text/event-stream"):
            answer = await client.head(path, headers=ada.headers | {"Accept": media_type})
            assert (answer.status_code, answer.content) == (200, b"")
            assert answer.headers["Content-Type"].startswith(media_type)


async def test_a_wait_ends_with_the_next_entry_and_holds_no_connection(
    app: FastAPI, client: httpx.AsyncClient, world: World, account: int, ada: Person
) -> None:
    """The answer has the entry; meanwhile every connection is in the pool, and the versions are asked for regularly."""
    pool, started = service_of(app).pools["main"], time.monotonic()
    async with waiting(app, client, account, ada) as wait:
        checkouts = pool.checked_out.total
        await until(lambda: pool.checked_out.total >= checkouts + 3)
        assert not any(record.operation and "entries" in record.operation.name for record in pool.checked_out)
        await world.fund(account, 40)
        page = found(await wait)
    assert [entry["version"] for entry in page["items"]] == [page["last_version"]] == [4]
    assert time.monotonic() - started < 25
    assert len(service_of(app).followers) == 0


async def test_a_wait_that_ends_has_the_time_of_a_request(
    app: FastAPI, client: httpx.AsyncClient, world: World, account: int, ada: Person
) -> None:
    """A wait longer than the deadline of requests is answered with an empty page; the deadline holds after it."""
    path = f"/accounts/{account}/entries?after_version=3&wait=7"
    assert found(await client.get(path, headers=ada.headers)) == {"items": [], "last_version": 3}
    async with waiting(app, client, account, ada, seconds=7) as wait, world.connection.transaction():
        await world.connection.execute("LOCK entries IN ACCESS EXCLUSIVE MODE")
        problem(await wait, 503, "deadline_exceeded")


async def test_a_wait_judges_the_key_again(
    app: FastAPI, client: httpx.AsyncClient, world: World, account: int, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """401 once it was revoked by any process, 404 once the account has another owner."""
    monkeypatch.setattr(following, "JUDGE_SECONDS", 0.2)
    other = await world.person("bob")
    async with waiting(app, client, account, ada) as wait:
        await world.connection.execute("UPDATE accounts SET owner_id = %s WHERE id = %s", (other.id, account))
        problem(await wait, 404, "account_not_found")
    async with waiting(app, client, account, other) as wait:
        await world.connection.execute("UPDATE api_keys SET revoked_at = now() WHERE user_id = %s", (other.id,))
        problem(await wait, 401, "unauthorized")


async def test_followers_are_limited_for_the_process_and_for_the_user(
    app: FastAPI, client: httpx.AsyncClient, world: World, account: int, ada: Person
) -> None:
    """429 for the user and 503 for the process, with Retry-After; an entry that is there needs no place."""
    bob, eve = await world.person("bob"), await world.person("eve")
    bobs, eves = await world.account(bob), await world.account(eve)
    streaming = {"Accept": "text/event-stream"}

    async def refused(account: int, version: int, person: Person, status: int, code: str) -> None:
        for headers in ({}, streaming):
            path = f"/accounts/{account}/entries?after_version={version}&wait=30"
            answer = await client.get(path, headers=person.headers | headers)
            problem(answer, status, code)
            assert int(answer.headers["Retry-After"]) > 0

    async with waiting(app, client, account, ada), waiting(app, client, account, ada, others=1):
        await refused(account, 3, ada, 429, "too_many_requests")
        found(await client.get(f"/accounts/{account}/entries?after_version=2&wait=30", headers=ada.headers))
        async with waiting(app, client, bobs, bob, version=0, others=2):
            await refused(eves, 0, eve, 503, "overloaded")
            await refused(bobs, 0, bob, 503, "overloaded")
    async with waiting(app, client, eves, eve, version=0):
        pass


async def test_followers_do_not_count_as_requests_in_flight(
    app: FastAPI, client: httpx.AsyncClient, account: int, ada: Person, world: World
) -> None:
    """With all followers that a caller may have, and as many requests as it may have, it is answered."""
    async with waiting(app, client, account, ada), waiting(app, client, account, ada, others=1):
        callers = service_of(app).callers
        assert (callers.total_in_flight, callers._in_flight) == (0, {})
        found(await client.get("/users/me", headers=ada.headers))
    assert (callers.total_in_flight, callers._in_flight) == (0, {})


async def test_a_wait_is_no_slow_request(
    app: FastAPI, client: httpx.AsyncClient, world: World, account: int, ada: Person
) -> None:
    """Operators see the followers; the histogram of durations has no wait."""
    root = await world.person("root", role="operator")

    async def durations() -> tuple[float, float]:
        text = (await client.get("/metrics", headers=root.headers)).text
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        label = '{method="GET",route="/accounts/{id}/entries"}'
        return float(values.get(f"folio_request_seconds_count{label}", 0)), float(values["folio_followers"])

    before, followers = await durations()
    async with waiting(app, client, account, ada):
        assert await durations() == (before, followers + 1)
        status = found(await client.get("/ops/status", headers=root.headers))
        assert status["followers"] == 1
    assert await durations() == (before, followers)


async def until(condition: Callable[[], bool]) -> None:
    """Poll a condition until it is true; fail after a deadline."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def waiting(
    app: FastAPI,
    client: httpx.AsyncClient,
    account: int,
    person: Person,
    *,
    version: int = 3,
    seconds: int = 30,
    others: int = 0,
) -> AsyncIterator[asyncio.Task[httpx.Response]]:
    """Let a request wait for an entry in this context, in which it is one follower more than `others`."""
    path = f"/accounts/{account}/entries?after_version={version}&wait={seconds}"
    wait = asyncio.create_task(client.get(path, headers=person.headers))
    await until(lambda: wait.done() or len(service_of(app).followers) > others)
    assert not wait.done(), wait.result().text
    try:
        yield wait
    finally:
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)


async def test_a_stream_has_each_entry_as_an_event(address: str, world: World, account: int, ada: Person) -> None:
    """Those that are there and those that come, with the members of JSON; it begins with the pause for a retry."""
    tail = Tail(address, account, ada, after=1)
    async with tailing(tail):
        await tail.until(lambda: tail.last == 3)
        await world.fund(account, 40)
        await tail.until(lambda: tail.last == 4)
    async with httpx.AsyncClient(base_url=address, headers=ada.headers) as client:
        listed = found(await client.get(f"/accounts/{account}/entries"))["items"]
        assert tail.entries == listed[2::-1]
        path = f"/accounts/{account}/entries?after_version=1"
        async with client.stream("GET", path, headers={"Accept": "text/event-stream", "Last-Event-ID": "2"}) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Accel-Buffering"] == "no"
            events = [line async for line in up_to_id(answer, 3)]
    assert events[0] == "retry: 1000"
    assert [line for line in events if line.startswith("id")] == ["id: 3"]


async def up_to_id(answer: httpx.Response, version: int) -> AsyncIterator[str]:
    """Yield the lines of a stream up to the id of an event."""
    async for line in answer.aiter_lines():
        yield line
        if line == f"id: {version}":
            return


async def test_silence_is_broken_by_a_comment(
    address: str, account: int, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies then keep the connection; every 15 s is often enough for them."""
    assert following.COMMENT_SECONDS == 15
    monkeypatch.setattr(following, "COMMENT_SECONDS", 0.2)
    tail = Tail(address, account, ada, after=3)
    async with tailing(tail):
        await tail.until(lambda: len(tail.comments) >= 3)
    assert set(tail.comments) == {"ping"}
    assert tail.statuses == [200]


@pytest.mark.parametrize(
    ("change", "reason", "status"),
    [
        ("UPDATE api_keys SET revoked_at = now() WHERE user_id = %(ada)s", "unauthorized", 401),
        ("UPDATE api_keys SET expires_at = now() WHERE user_id = %(ada)s", "unauthorized", 401),
        ("UPDATE accounts SET owner_id = %(bob)s WHERE id = %(account)s", "account_not_found", 404),
    ],
)
async def test_a_stream_ends_with_the_access(
    address: str,
    world: World,
    account: int,
    ada: Person,
    change: str,
    reason: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Within 10 s of a change by any process: the stream says why, and the next one is refused."""
    assert following.JUDGE_SECONDS + following.JUDGE_TIMEOUT_SECONDS <= 10
    monkeypatch.setattr(following, "JUDGE_SECONDS", 0.5)
    bob = await world.person("bob")
    tail = Tail(address, account, ada)
    async with tailing(tail):
        await tail.until(lambda: tail.last == 3)
        await world.connection.execute(change.encode(), {"ada": ada.id, "bob": bob.id, "account": account})
        await tail.until(lambda: len(tail.statuses) > 1)
    assert tail.comments == [reason]
    assert set(tail.statuses[1:]) == {status}


async def test_a_stream_shows_what_the_role_allows_now(
    address: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A former operator sees no later reference of others."""
    monkeypatch.setattr(following, "JUDGE_SECONDS", 0.2)
    root, bob = await world.person("root", role="operator"), await world.person("bob")
    account, payer = await world.account(root), await world.account(bob, minimum=None)
    tail = Tail(address, account, root)

    async def paid() -> str | None:
        body = order(payer, account, 1, reference="invoice 7")
        async with httpx.AsyncClient(base_url=address) as client:
            found(await client.post("/transfers", json=body, headers=bob.paying()), 201)
        count = len(tail.entries)
        await tail.until(lambda: len(tail.entries) > count)
        reference: str | None = tail.entries[-1]["reference"]
        return reference

    async with tailing(tail):
        assert await paid() == "invoice 7"
        await world.connection.execute("UPDATE users SET role = 'member' WHERE id = %s", (root.id,))
        deadline = time.monotonic() + 60
        while await paid() is not None:
            assert time.monotonic() < deadline
    assert tail.statuses == [200]


async def test_a_slow_reader_is_dropped_and_resumes(
    address: str, application: FastAPI, world: World, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that does not read loses its connection and its place; nothing is lost to it as it comes back."""
    monkeypatch.setattr(event_streams, "WRITE_SECONDS", 0.5)
    account, count = await world.account(ada), 15_000
    await long_statement(world, account, count)
    followers = service_of(application).followers
    url = urlsplit(address)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((url.hostname, url.port))
        request = f"GET /accounts/{account}/entries HTTP/1.1\r\nHost: folio\r\nAccept: text/event-stream\r\n"
        slow.sendall(f"{request}Last-Event-ID: 0\r\nAuthorization: Bearer {ada.api_key}\r\n\r\n".encode())
        await asyncio.to_thread(slow.recv, 1)
        await until(lambda: not len(followers))
        with pytest.raises(ConnectionResetError):
            await asyncio.to_thread(drain, slow)
    tail = Tail(address, account, ada)
    async with tailing(tail):
        await tail.until(lambda: tail.last == count)
    assert tail.versions == list(range(1, count + 1))


def drain(reader: socket.socket) -> None:
    """Read a connection to its end."""
    while reader.recv(65536):
        pass


async def long_statement(world: World, account: int, count: int) -> None:
    """Insert so many entries with long descriptions."""
    other = await world.value(
        "INSERT INTO accounts (owner_id, name, currency, minimum)"
        " SELECT owner_id, 'outside', currency, NULL FROM accounts WHERE id = %s RETURNING id",
        account,
    )
    values = {"account": account, "other": other, "count": count}
    async with world.connection.transaction():
        await world.connection.execute(
            "WITH made AS (INSERT INTO transfers (from_account_id, to_account_id, amount, description, created_by,"
            " created_at) SELECT %(other)s, %(account)s, 1, repeat('x', 500), owner_id, now()"
            " FROM accounts, generate_series(1, %(count)s::bigint) WHERE accounts.id = %(account)s RETURNING id),"
            " numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM made)"
            " INSERT INTO entries (account_id, version, transfer_id, amount, balance_after, created_at)"
            " SELECT %(account)s, n, id, 1, n, now() FROM numbered"
            " UNION ALL SELECT %(other)s, n, id, -1, -n, now() FROM numbered",
            values,
        )
        await world.connection.execute(
            "UPDATE accounts SET version = %(count)s, balance = CASE id WHEN %(account)s THEN %(count)s::bigint"
            " ELSE -%(count)s::bigint END WHERE id IN (%(account)s, %(other)s)",
            values,
        )


async def arrives(address: str, world: World, account: int, person: Person) -> None:
    """Pay an account that ten clients follow, in transfers whose ids are out of order; they must miss nothing."""

    async def pay() -> None:
        for sequence in (3000, 1000, 5000):
            await world.connection.execute("SELECT setval('transfers_id_seq', %s)", (sequence,))
            for _ in range(5):
                await world.fund(account, 1)

    versions = await world.value("SELECT version FROM accounts WHERE id = %s", account)
    async with asyncio.timeout(120):
        await resumed([Tail(address, account, person) for _ in range(10)], pay(), lambda _: versions + 15)


async def test_every_version_arrives_once_while_clients_are_killed(
    address: str, world: World, account: int, ada: Person
) -> None:
    """In order, however the ids of the transfers are ordered: they are unique and no more."""
    await arrives(address, world, account, ada)


@pytest.mark.parametrize("variant", ["by id", "one lost", "from now on"])
async def test_a_follower_that_loses_or_doubles_an_entry_is_caught(
    address: str, world: World, account: int, ada: Person, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: `> last` by id, a page without its first entry, a stream that ignores Last-Event-ID."""
    read, choose = following.Follower.read, following.FollowRequest.follower

    async def one_lost(self: following.Follower, limit: int) -> following.Changes:
        changes = await read(self, limit)
        return replace(changes, rows=changes.rows[1:] if len(changes.rows) > 1 else changes.rows)

    def from_now_on(self: following.FollowRequest, *arguments: Any, **options: Any) -> following.Follower:
        follower = choose(self, *arguments, **options)
        follower.version = arguments[0].version - 1
        return follower

    if variant == "by id":
        last = (
            "entries.transfer_id > coalesce((SELECT transfer_id FROM entries AS last"
            " WHERE last.account_id = $1::bigint AND last.version = $2::bigint), 0)"
        )
        assert "entries.version > $2::bigint" in LIST_AFTER.text
        monkeypatch.setattr(LIST_AFTER, "text", LIST_AFTER.text.replace("entries.version > $2::bigint", last))
    elif variant == "one lost":
        monkeypatch.setattr(following.Follower, "read", one_lost)
    else:
        monkeypatch.setattr(following.FollowRequest, "follower", from_now_on)
    with pytest.raises(AssertionError):
        await arrives(address, world, account, ada)
