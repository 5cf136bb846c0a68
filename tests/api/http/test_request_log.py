"""The log: where a request's time went, and never a key, a header, a query or a body, whatever goes wrong."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.http import exception_handlers as handlers
from api.process import logs
from api.process.service import service_of
from repositories.posts import PostRepository
from tests.harness.expect import problem
from tests.harness.payments import order
from tests.harness.world import Person, World

SECRET = "s3cret"
"""Part of every value that must not be seen."""
POST = {"title": f"{SECRET}-title", "content": f"{SECRET}-content"}


@pytest.fixture(params=["json", "console"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def log(form: str) -> Iterator[Callable[[], str]]:
    """What has been logged since it was asked last, all of it, as a service logs."""
    logs.configure("json" if form == "json" else "console")
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    client = logging.getLogger("httpx")
    client.setLevel(logging.WARNING)  # it runs in this process only here

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


async def test_what_a_request_carries_is_never_logged(
    client: httpx.AsyncClient, ada: Person, log: Callable[[], str]
) -> None:
    """Neither its key, its headers, its query nor its body: served, refused, malformed or not even authenticated."""
    secrets = {"X-Anything": SECRET, "Cookie": f"a={SECRET}", "User-Agent": SECRET}
    key = ada.headers | secrets
    as_json = {"Content-Type": "application/json"}
    for status, asked in (
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
        assert (await asked).status_code == status
        text = log()
        assert f'"status": {status}' in text or f"status={status}" in text
        assert SECRET not in text
        assert ada.api_key not in text


@pytest.mark.parametrize(
    ("broken", "status", "code", "sqlstate"),
    [
        # DETAIL: Failing row contains (…).
        ("ALTER TABLE posts ADD CHECK (title = '')", 503, "database_error", "23514: "),
        # A wrong value is quoted in the message itself.
        ("ALTER TABLE posts ADD CHECK (title::bigint > 0)", 503, "database_error", "22P02"),
        # DETAIL: Key (author_id, title)=(…) already exists; nobody knows this constraint, so that it is a mistake.
        ("CREATE UNIQUE INDEX posts_title_key ON posts (title)", 500, "internal_error", ""),
    ],
)
async def test_what_postgresql_quotes_is_not_logged(
    client: httpx.AsyncClient,
    ada: Person,
    world: World,
    log: Callable[[], str],
    broken: str,
    status: int,
    code: str,
    sqlstate: str,
) -> None:
    """The log has the SQLSTATE and the request's id, or where in Folio it was not expected."""
    if status == 500:
        assert (await client.post("/posts", json=POST, headers=ada.headers)).status_code == 201
    await world.connection.execute(broken)
    log()
    answer = await client.post("/posts", json=POST, headers=ada.headers | {"X-Request-Id": "r-1"})
    problem(answer, status, code)
    text = log()
    assert text.count("r-1") == 2, "the request's line, and why"
    assert (f"SQLSTATE {sqlstate}" in text) == (status == 503)
    assert ("KeyError" in text and "UniqueViolation" in text and "_taken" in text) == (status == 500)
    assert SECRET not in text


@pytest.mark.parametrize("form", ["console"])
async def test_the_tests_above_would_find_what_is_quoted(
    client: httpx.AsyncClient, ada: Person, world: World, log: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that logs all that psycopg says puts the row into the log."""
    monkeypatch.setattr(handlers, "described", lambda error: str(error.__cause__))
    await world.connection.execute("ALTER TABLE posts ADD CHECK (title = '')")
    problem(await client.post("/posts", json=POST, headers=ada.headers), 503, "database_error")
    assert SECRET in log()


async def test_a_mistake_is_logged_with_where_it_was_made_and_without_its_message(
    client: httpx.AsyncClient, ada: Person, log: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message may quote anything; the classes of the whole chain and the lines of code do not."""

    async def insert(_: PostRepository, *, author_id: int, title: str, content: str) -> None:
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
async def test_the_wait_for_a_connection_is_told(
    app: FastAPI, client: httpx.AsyncClient, ada: Person, log: Callable[[], str]
) -> None:
    """pool_ms is at least what a request had to wait while all connections were held, and no more than ms."""
    main = service_of(app).pools["main"]
    leave = asyncio.Event()

    async def hold() -> None:
        async with main.checkout():
            await leave.wait()

    async with asyncio.TaskGroup() as holding:
        for _ in range(main.options.max_size):
            holding.create_task(hold())
        async with asyncio.timeout(60):
            while main.stats().in_use < main.options.max_size:  # noqa: ASYNC110 - the pool tells nobody
                await asyncio.sleep(0.01)
            asked = asyncio.create_task(client.get("/posts", headers=ada.headers))
            while not main.stats().waiting:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        leave.set()
        assert (await asked).status_code == 200
    [line] = requests(log())
    assert 300 <= line["pool_ms"] <= line["ms"]
    assert line["sql_ms"] <= line["ms"] - line["pool_ms"] + 1


@pytest.mark.parametrize("form", ["json"])
async def test_the_time_in_sql_is_told(
    client: httpx.AsyncClient, ada: Person, world: World, log: Callable[[], str]
) -> None:
    """sql_ms is at least what a request had to wait for a row's lock, and no more than ms; and who it was."""
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts FOR UPDATE")
        asked = asyncio.create_task(client.post("/transfers", json=order(payer, payee), headers=ada.paying()))
        async with asyncio.timeout(60):
            while not await world.value("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - another session waits
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
    assert (await asked).status_code == 201
    [line] = requests(log())
    assert (line["method"], line["route"], line["status"]) == ("POST", "/transfers", 201)
    assert line["user_id"] == ada.id
    assert 300 <= line["sql_ms"] <= line["ms"]
    assert line["pool_ms"] <= line["ms"] - line["sql_ms"] + 1
