"""Faults over HTTP: no answer says more than is known, and each says what the caller can do."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.process.drain import Drain
from api.process.service import service_of
from api.process.settings import Settings
from repositories.postgres import connections
from repositories.postgres import unit_of_work as units
from tests.harness.expect import found, problem
from tests.harness.payments import order
from tests.harness.proxy import Proxy, Trouble, proxy
from tests.harness.world import Person, World

pytestmark = pytest.mark.full_pool

ADA = {"username": "ada", "email": "ada@example.com"}


@pytest.fixture
async def network(served: dict[str, str]) -> AsyncIterator[Proxy]:
    """A proxy between the application and the main database."""
    async with proxy(served["main"]) as between:
        yield between


@pytest.fixture
def settings(settings: Settings, network: Proxy, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setitem(connections.REQUEST_BUDGETS, "lock_timeout", "5s")
    return settings.model_copy(update={"main_database_url": network.conninfo})


@pytest.fixture
async def ada(world: World) -> Person:
    return await world.person("ada")


@pytest.mark.parametrize("end", ["deadline", "drain"])
async def test_a_request_that_ends_during_commit_never_says_that_nothing_was_written(
    app: FastAPI,
    client: httpx.AsyncClient,
    network: Proxy,
    settings: Settings,
    world: World,
    ada: Person,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    """503 outcome_unknown; here the transfer exists, as a repeat under the key shows."""
    body = order(await world.account(ada, minimum=None), await world.account(ada))
    if end == "deadline":
        service_of(app).settings = settings.model_copy(update={"request_timeout": 4})
    else:
        monkeypatch.setattr(units, "COMMIT_TIMEOUT", 1.0)
    network.trouble = Trouble.DELAY
    paying = asyncio.create_task(client.post("/transfers", json=body, headers=ada.paying("k")))
    await asyncio.wait_for(network.committing.wait(), 20)
    if end == "drain":
        service_of(app).drain.begin(0)
    answer = await paying
    assert "same Idempotency-Key" in problem(answer, 503, "outcome_unknown")["detail"]
    service_of(app).settings = settings
    monkeypatch.setattr(service_of(app), "drain", Drain())
    monkeypatch.setattr(units, "COMMIT_TIMEOUT", 30.0)
    network.release.set()
    again = await client.post("/transfers", json=body, headers=ada.paying("k"))
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")


@pytest.mark.parametrize("key", ["k", None])
async def test_a_request_that_ends_between_two_commits_says_that_it_was_done_in_part(
    app: FastAPI,
    client: httpx.AsyncClient,
    settings: Settings,
    world: World,
    catalog: psycopg.AsyncConnection[psycopg.rows.TupleRow],
    ada: Person,
    key: str | None,
) -> None:
    """A product's key is claimed in main before the catalog is written; without a key nothing is written before."""
    goods = {"name": "n", "price": 1, "currency": "EUR", "stock": 1, "account_id": await world.account(ada)}
    headers = ada.headers if key is None else ada.paying(key)
    service_of(app).settings = settings.model_copy(update={"request_timeout": 3})
    async with catalog.transaction():
        await catalog.execute("LOCK TABLE products IN EXCLUSIVE MODE")
        answer = await client.post("/products", json=goods, headers=headers)
    if key is None:
        assert "nothing was written" in problem(answer, 503, "deadline_exceeded")["detail"]
        assert await world.value("SELECT count(*) FROM idempotency_keys") == 0
    else:
        detail = problem(answer, 503, "outcome_unknown")["detail"]
        assert detail == (
            "The request took too long and was done in part. Repeat the request under the same Idempotency-Key."
        )
        assert await world.value("SELECT count(*) FROM idempotency_keys") == 1
    service_of(app).settings = settings
    assert (await client.post("/products", json=goods, headers=headers)).status_code == 201


async def test_a_post_without_a_body_that_reaches_its_deadline_is_no_408(
    app: FastAPI, client: httpx.AsyncClient, settings: Settings, world: World, ada: Person
) -> None:
    """There is no body to wait for, and a body that arrived is not to blame either."""
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    hold = found(await client.post("/holds", json=order(payer, payee) | {"expires_in": 60}, headers=ada.paying()), 201)[
        "id"
    ]
    service_of(app).settings = settings.model_copy(update={"request_timeout": 1})
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts FOR UPDATE")
        for content in (None, b"{}"):
            headers = ada.paying() | ({} if content is None else {"Content-Type": "application/json"})
            answer = await client.post(f"/holds/{hold}/release", content=content, headers=headers)
            problem(answer, 503, "deadline_exceeded")


@pytest.mark.parametrize("trouble", [Trouble.CUT_BEFORE, Trouble.CUT_AFTER])
async def test_a_registration_whose_commit_is_lost_is_one_user_with_a_valid_key(
    client: httpx.AsyncClient, network: Proxy, world: World, trouble: Trouble
) -> None:
    """Whether COMMIT arrived or not, the second run finds the key by its digest or registers the user."""
    network.trouble = trouble
    registered = found(await client.post("/users", json=ADA), 201)
    assert network.committing.is_set()
    me = await client.get("/users/me", headers={"Authorization": f"Bearer {registered['api_key']}"})
    assert found(me)["id"] == registered["id"]
    assert await world.value("SELECT count(*) FROM users") == 1
    assert await world.value("SELECT count(*) FROM api_keys") == 1


async def test_a_registration_that_commits_while_it_is_repeated_is_found(
    client: httpx.AsyncClient, network: Proxy, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run waits for the first by the username, and then finds the key."""
    monkeypatch.setattr(units, "COMMIT_TIMEOUT", 1.0)
    network.trouble = Trouble.DELAY
    registering = asyncio.create_task(client.post("/users", json=ADA))
    await asyncio.wait_for(network.committing.wait(), 20)
    async with asyncio.timeout(30):
        while not await world.value("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
    monkeypatch.setattr(units, "COMMIT_TIMEOUT", 30.0)
    network.release.set()
    registered = found(await registering, 201)
    me = await client.get("/users/me", headers={"Authorization": f"Bearer {registered['api_key']}"})
    assert found(me)["id"] == registered["id"]


@pytest.mark.parametrize("happens", [True, False])
async def test_a_registration_of_unknown_outcome_is_answered_with_its_key(
    client: httpx.AsyncClient, network: Proxy, world: World, monkeypatch: pytest.MonkeyPatch, *, happens: bool
) -> None:
    """The key of the 503 is valid if the user was registered; if not, the registration can be repeated."""
    monkeypatch.setattr(units, "COMMIT_TIMEOUT", 1.0)
    network.trouble = Trouble.DELAY if happens else Trouble.SWALLOW
    unknown = problem(await client.post("/users", json=ADA), 503, "outcome_unknown")
    assert "Idempotency-Key" not in unknown["detail"]
    assert "api_key" in unknown["detail"]
    monkeypatch.setattr(units, "COMMIT_TIMEOUT", 30.0)
    if happens:
        network.release.set()
    else:
        # transaction_timeout would do this a little later.
        await world.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction'"
        )
    headers = {"Authorization": f"Bearer {unknown['api_key']}"}
    async with asyncio.timeout(30):
        while (again := await client.post("/users", json=ADA)).status_code == 503:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
    if happens:
        problem(again, 409, "username_taken")
        assert found(await client.get("/users/me", headers=headers))["username"] == "ada"
    else:
        assert again.status_code == 201
        problem(await client.get("/users/me", headers=headers), 401, "unauthorized")
    assert await world.value("SELECT count(*) FROM users") == 1


@pytest.mark.parametrize("trouble", [Trouble.CUT_BEFORE, Trouble.CUT_AFTER])
async def test_a_key_whose_commit_is_lost_is_issued_once(
    client: httpx.AsyncClient, network: Proxy, world: World, ada: Person, trouble: Trouble
) -> None:
    """The answer has the key that is stored, with all its members."""
    network.trouble = trouble
    body = {"name": "reporting", "read_only": True}
    issued = found(await client.post("/users/me/api-keys", json=body, headers=ada.headers), 201)
    assert (issued["name"], issued["read_only"]) == ("reporting", True)
    assert await world.value("SELECT count(*) FROM api_keys") == 2
    assert (await client.get("/users/me", headers={"Authorization": f"Bearer {issued['api_key']}"})).is_success


@pytest.mark.parametrize(
    ("method", "path", "body", "advice"),
    [
        ("POST", "/posts", {"title": "t", "content": "c"}, "GET /posts shows if it happened. Under an Idempotency-Key"),
        ("POST", "/accounts", {"name": "n", "currency": "EUR"}, "GET /accounts shows if it happened."),
        ("PATCH", "/users/me", {"username": "eve"}, "GET /users/me shows if it happened."),
        ("DELETE", "/users/me", None, "Repeat the request: if it happened, the repeat changes nothing."),
    ],
)
async def test_an_unknown_outcome_without_a_key_says_where_to_look(
    client: httpx.AsyncClient, network: Proxy, ada: Person, method: str, path: str, body: object, advice: str
) -> None:
    """A route that takes no Idempotency-Key is not told to repeat under one, even if the request had one."""
    network.trouble = Trouble.CUT_AFTER
    headers = ada.headers | {"If-Match": "*"} | ({} if method == "POST" else {"Idempotency-Key": "k"})
    answer = await client.request(method, path, json=body, headers=headers)
    detail = problem(answer, 503, "outcome_unknown")["detail"]
    assert advice in detail
    assert "same Idempotency-Key" not in detail


@pytest.mark.parametrize(
    ("method", "body", "status", "code"),
    [
        ("PATCH", {"username": "eve"}, 409, "username_taken"),
        ("PATCH", {"email": "eve@example.com"}, 409, "email_taken"),
        ("PATCH", {"username": "eve", "email": "eve@example.com"}, 500, "internal_error"),
        ("POST", {"username": "eve", "email": "eve@example.com"}, 500, "internal_error"),
    ],
)
async def test_a_taken_value_whose_constraint_is_not_named_is_409_if_only_one_can_be_meant(
    client: httpx.AsyncClient, world: World, ada: Person, method: str, body: object, status: int, code: str
) -> None:
    """Some servers and proxies leave the constraint's name out."""
    await world.connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = 'duplicate key'; END$$"
    )
    await world.connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    path = "/users/me" if method == "PATCH" else "/users"
    answer = await client.request(method, path, json=body, headers=ada.headers | {"If-Match": "*"})
    problem(answer, status, code)
    assert "Retry-After" not in answer.headers
