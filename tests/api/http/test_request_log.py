"""The request log: the times of each request, and never a key, header, query or body, even after an error."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.http import faults
from api.ops import health
from api.process import logs
from api.process.service import service_of
from repositories.posts import PostRepository
from tests.harness.expect import problem
from tests.harness.payments import order
from tests.harness.world import Person, World

SECRET = "s3cret"
"""Part of every value that must not be logged."""
POST = {"title": f"{SECRET}-title", "content": f"{SECRET}-content"}


@pytest.fixture(params=["json", "console"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def log(form: str) -> Iterator[Callable[[], str]]:
    """A function that returns the log since its last call, in the format of a service."""
    logs.configure("json" if form == "json" else "console")
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    client = logging.getLogger("httpx")
    client.setLevel(logging.WARNING)  # the client shares this process only in tests

    def logged() -> str:
        written = handler.setStream(io.StringIO())
        assert isinstance(written, io.StringIO)
        return written.getvalue()

    handler.setStream(io.StringIO())
    yield logged
    client.setLevel(logging.NOTSET)
    logs.configure("console")
    logging.getLogger().setLevel(logging.WARNING)


def requests(log: str) -> list[dict[str, Any]]:
    """Return the requests' lines of a log in JSON."""
    return [line for line in map(json.loads, log.splitlines()) if line["event"] == "request"]


@pytest.fixture
async def ada(world: World) -> Person:
    return await world.person("ada")


async def test_the_contents_of_a_request_are_never_logged(
    client: httpx.AsyncClient, ada: Person, log: Callable[[], str]
) -> None:
    """The log has no key, header, query or body of a successful, refused, malformed or unauthenticated request."""
    secrets = {"X-Anything": SECRET, "Cookie": f"a={SECRET}", "User-Agent": SECRET}
    key = ada.headers | secrets
    as_json = {"Content-Type": "application/json"}
    for status, request in (
        (200, client.get("/posts", params={"q": SECRET}, headers=key)),
        (201, client.post("/posts", json=POST, headers=key)),
        (400, client.post("/posts", content=f'{{"title": "{SECRET}', headers=key | as_json)),
        (422, client.post("/posts", json={"title": [SECRET], SECRET: SECRET}, headers=key)),
        (415, client.post("/posts", content=SECRET, headers=key)),
        (422, client.get("/posts", params={"limit": SECRET, SECRET: SECRET}, headers=key)),
        (401, client.get("/users/me", headers=secrets | {"Authorization": f"Bearer folio_{SECRET}"})),
        (401, client.get("/users/me", headers=secrets | {"Authorization": f"Basic {SECRET}"})),
        (201, client.post("/users", json={"username": SECRET, "email": f"{SECRET}@example.com"})),
        (409, client.post("/users", json={"username": "bob", "email": f"{SECRET}@example.com"})),
        (404, client.get(f"/{SECRET}")),
    ):
        assert (await request).status_code == status
        text = log()
        assert f'"status": {status}' in text or f"status={status}" in text
        assert SECRET not in text
        assert ada.api_key not in text


@pytest.mark.parametrize(
    ("broken", "sqlstate", "constraint"),
    [
        # DETAIL: Failing row contains (…).
        ("ALTER TABLE posts ADD CONSTRAINT empty CHECK (title = '') NOT VALID", "23514: ", "empty"),
        # The message itself quotes the wrong value.
        ("ALTER TABLE posts ADD CHECK (title::bigint > 0) NOT VALID", "22P02", ""),
        # DETAIL: Key (author_id, title)=(…) already exists; not a constraint that Folio knows.
        ("CREATE UNIQUE INDEX posts_title_key ON posts (title)", "23505: ", "posts_title_key"),
        ("ALTER TABLE posts RENAME content TO words", "42703: ", ""),
    ],
)
async def test_values_quoted_by_postgresql_are_not_logged(
    client: httpx.AsyncClient,
    ada: Person,
    world: World,
    log: Callable[[], str],
    broken: str,
    sqlstate: str,
    constraint: str,
) -> None:
    """A defect is 500 without Retry-After; the log has the request's id, the SQLSTATE and the constraint."""
    assert (await client.post("/posts", json=POST, headers=ada.headers)).status_code == 201
    await world.connection.execute(broken)
    log()
    answer = await client.post("/posts", json=POST, headers=ada.headers | {"X-Request-Id": "r-1"})
    problem(answer, 500, "internal_error")
    assert "Retry-After" not in answer.headers
    text = log()
    assert text.count("r-1") == 2, "one line for the request and one for its error"
    assert "internal error" in text
    assert f"SQLSTATE {sqlstate}" in text
    assert constraint in text
    assert SECRET not in text


@pytest.mark.parametrize("form", ["console"])
async def test_a_handler_that_logs_the_whole_message_fails_the_test_above(
    client: httpx.AsyncClient, ada: Person, world: World, log: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the message of psycopg's error quotes the row."""
    monkeypatch.setattr(faults, "described", lambda error: str(error.__cause__))
    await world.connection.execute("ALTER TABLE posts ADD CHECK (title = '')")
    problem(await client.post("/posts", json=POST, headers=ada.headers), 500, "internal_error")
    assert SECRET in log()


async def test_an_internal_error_is_logged_with_its_traceback_and_without_its_message(
    client: httpx.AsyncClient, ada: Person, log: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has the classes and the lines of code of the whole chain; a message may quote anything."""

    async def insert(_: PostRepository, *, author_id: int, title: str, content: str, quota: int) -> None:
        try:
            raise LookupError(title)  # noqa: TRY301 - the chain is the point
        except LookupError as error:
            raise ValueError(f"{author_id} wrote {content}") from error

    monkeypatch.setattr(PostRepository, "insert", insert)
    answer = await client.post("/posts", json=POST, headers=ada.headers | {"X-Request-Id": "r-1"})
    problem(answer, 500, "internal_error")
    text = log()
    assert "internal error" in text
    assert text.count("r-1") == 2
    assert text.index("builtins.LookupError") < text.index("builtins.ValueError")
    assert "raise LookupError(title)" in text
    assert SECRET not in text


@pytest.mark.parametrize("form", ["json"])
async def test_pool_ms_is_the_wait_for_a_connection(
    app: FastAPI, client: httpx.AsyncClient, ada: Person, log: Callable[[], str]
) -> None:
    """`pool_ms` is at least the time for which no connection was free, and at most `ms`."""
    main = service_of(app).pools["main"]
    release = asyncio.Event()

    async def check_out() -> None:
        async with main.checkout():
            await release.wait()

    async with asyncio.TaskGroup() as checkouts:
        for _ in range(main.options.max_size):
            checkouts.create_task(check_out())
        async with asyncio.timeout(60):
            while main.stats().in_use < main.options.max_size:  # noqa: ASYNC110 - the pool has no event to await
                await asyncio.sleep(0.01)
            request = asyncio.create_task(client.get("/posts", headers=ada.headers))
            while not main.stats().waiting:  # noqa: ASYNC110 - the pool has no event to await
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        release.set()
        assert (await request).status_code == 200
    [line] = requests(log())
    assert 300 <= line["pool_ms"] <= line["ms"]
    assert line["sql_ms"] <= line["ms"] - line["pool_ms"] + 1


@pytest.mark.parametrize("form", ["json"])
async def test_sql_ms_is_the_time_of_statements(
    client: httpx.AsyncClient, ada: Person, world: World, log: Callable[[], str]
) -> None:
    """`sql_ms` is at least the wait for a row's lock, and at most `ms`; the line has the id of the key's user."""
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts FOR UPDATE")
        request = asyncio.create_task(client.post("/transfers", json=order(payer, payee), headers=ada.paying()))
        async with asyncio.timeout(60):
            while not await world.value("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - another session waits
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
    assert (await request).status_code == 201
    [line] = requests(log())
    assert (line["method"], line["route"], line["status"]) == ("POST", "/transfers", 201)
    assert line["user_id"] == ada.id
    assert 300 <= line["sql_ms"] <= line["ms"]
    assert line["pool_ms"] <= line["ms"] - line["sql_ms"] + 1


@pytest.mark.parametrize("on", [True, False])
async def test_log_requests_turns_the_lines_of_requests_off_and_no_other(
    app: FastAPI, client: httpx.AsyncClient, log: Callable[[], str], monkeypatch: pytest.MonkeyPatch, on: bool
) -> None:
    """Without LOG_REQUESTS a request leaves no line; an internal error still does."""

    def fail(_: object) -> None:
        raise LookupError

    monkeypatch.setattr(service_of(app).settings, "log_requests", on)
    assert (await client.get("/livez")).status_code == 200
    assert ("/livez" in log()) == on
    monkeypatch.setattr(health, "answer", fail)
    problem(await client.get("/livez"), 500, "internal_error")
    assert "LookupError" in log()
