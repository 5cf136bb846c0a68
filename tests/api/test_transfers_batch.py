"""Batches: many transfers under one key, decided in order on carried balances, written in one statement."""

import asyncio
from types import ModuleType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from psycopg import AsyncCursor

from api import transfers as routes
from api.process.service import service_of
from repositories import transfers
from repositories.ledger import transfers as ledger
from repositories.postgres import operation, slices
from repositories.postgres.operation import Operation
from tests.harness.expect import contents, found, insist, problem
from tests.harness.payments import order
from tests.harness.world import Person, World

pytestmark = pytest.mark.full_pool


async def send(
    client: httpx.AsyncClient, who: Person, orders: list[dict[str, object]], key: str | None = None, atomic: bool = True
) -> httpx.Response:
    return await insist(client, "/transfers/batch", {"transfers": orders, "atomic": atomic}, who.paying(key))


async def test_a_chain_within_a_batch_runs_on_carried_balances(client: httpx.AsyncClient, world: World) -> None:
    """A pays B, who pays C with it: 201, in the order given, each with its own running balances and versions."""
    ada = await world.person("ada")
    a, b, c = [await world.account(ada) for _ in range(3)]
    await world.fund(a, 100)
    chain = [order(a, b), order(b, c), order(c, a, 50), order(a, c, 50, from_account_version=3)]
    answer = await send(client, ada, chain, key="k")
    items = found(answer, 201)["items"]
    balances = [[(shown["account_id"], shown["balance"], shown["version"]) for shown in i["balances"]] for i in items]
    assert balances == [
        [(a, 0, 2), (b, 100, 1)],
        [(b, 0, 2), (c, 100, 1)],
        [(c, 50, 2), (a, 50, 3)],
        [(a, 0, 4), (c, 100, 3)],
    ]
    assert await world.balances(a, b, c) == [0, 0, 100]
    assert [item["id"] for item in items] == sorted(item["id"] for item in items)
    for item in items:
        assert found(await client.get(f"/transfers/{item['id']}", headers=ada.headers)) == item
    again = await send(client, ada, chain, key="k")
    assert (again.status_code, again.content, again.headers["Idempotency-Replayed"]) == (201, answer.content, "true")
    problem(await send(client, ada, chain[:3], key="k"), 422, "idempotency_key_reused")


async def test_an_atomic_batch_is_all_or_nothing(client: httpx.AsyncClient, world: World) -> None:
    """The problem has the index and the reason; no transfer is written, and the refusal is stored as any other."""
    ada = await world.person("ada")
    a, b = await world.account(ada), await world.account(ada)
    await world.fund(a, 500)
    broken: list[tuple[dict[str, object], int, str]] = [
        ({"amount": 401}, 422, "insufficient_funds"),
        ({"to_account_id": 999}, 404, "account_not_found"),
        ({"currency": "USD"}, 422, "currency_mismatch"),
        ({"from_account_version": 1}, 409, "version_mismatch"),
    ]
    for change, status, code in broken:
        before = await contents(world)
        orders = [order(a, b), order(a, b) | change, order(a, 998)]
        refused = problem(await send(client, ada, orders, key=code), status, code)
        assert refused["index"] == 1
        if code == "insufficient_funds":
            assert (refused["available"], refused["shortfall"]) == (400, 1)
        again = await send(client, ada, orders, key=code)
        assert ("Idempotency-Replayed" in again.headers) == (status != 404)
        after = await contents(world)
        assert [t for t in after if after[t] != before[t]] == ([] if status == 404 else ["idempotency_keys"])


async def test_a_batch_that_is_not_atomic_has_an_outcome_for_each(client: httpx.AsyncClient, world: World) -> None:
    """200, in the order given; a refused transfer moves nothing and stops no other; a repeat gets the same answer."""
    ada = await world.person("ada")
    a, b = await world.account(ada), await world.account(ada)
    await world.fund(a, 150)
    orders = [order(a, b), order(a, b), order(a, a), order(999, b), order(b, a, 50), order(a, b)]
    answer = await send(client, ada, orders, key="k", atomic=False)
    items = found(answer)["items"]
    assert [item["status"] for item in items] == [201, 422, 422, 404, 201, 201]
    assert [item["problem"]["code"] for item in items if "problem" in item] == [
        "insufficient_funds",
        "same_account",
        "account_not_found",
    ]
    for item in items:
        assert item.keys() == ({"status", "transfer"} if item["status"] == 201 else {"status", "problem"})
        if "problem" in item:
            assert item["problem"]["status"] == item["status"]
            assert item["problem"]["request_id"] == answer.headers["X-Request-Id"]
    assert await world.balances(a, b) == [0, 150]
    await world.fund(a, 1000)
    again = await send(client, ada, orders, key="k", atomic=False)
    assert (again.status_code, again.content) == (200, answer.content)
    problem(await send(client, ada, orders, key="k"), 422, "idempotency_key_reused")
    nothing = await send(client, ada, [order(a, a)], atomic=False)
    assert [item["status"] for item in found(nothing)["items"]] == [422]


async def test_a_batch_has_1_to_1000_well_formed_transfers(client: httpx.AsyncClient, world: World) -> None:
    """Any other body is 422 with the path of the error, and nothing is written."""
    ada = await world.person("ada")
    a, b = await world.account(ada, minimum=None), await world.account(ada)
    for wrong, where in (
        ([], ["transfers"]),
        ([order(a, b)] * 1001, ["transfers"]),
        ([order(a, b), order(a, b, 0)], ["transfers", 1, "amount"]),
        ([order(a, b, more=1)], ["transfers", 0, "more"]),
    ):
        refused = problem(await send(client, ada, wrong), 422, "validation_error")
        assert refused["errors"][0]["loc"] == ["body", *where]
    answer = await client.post("/transfers/batch", json={"transfers": [order(a, b)]}, headers=ada.headers)
    problem(answer, 400, "idempotency_key_missing")
    assert await world.value("SELECT count(*) FROM transfers") == 0


async def test_the_largest_batch_is_as_many_statements_as_a_single_transfer(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1000 transfers among 50 accounts: never a statement per item."""
    ada = await world.person("ada")
    accounts = [await world.account(ada, minimum=None) for _ in range(50)]
    many = [order(accounts[n % 50], accounts[(n + 1 + n // 50 % 49) % 50], 1 + n % 7) for n in range(1000)]
    statements: list[str] = []
    execute = AsyncCursor.execute

    async def counted(self: Any, query: Any, *arguments: Any, **more: Any) -> Any:
        statements.append(str(query)[:30])
        return await execute(self, query, *arguments, **more)

    found(await client.get("/users/me", headers=ada.headers), 200)  # the key is known from here on
    counts = []
    for orders in (many[:1], many):
        monkeypatch.setattr(AsyncCursor, "execute", counted)
        statements.clear()
        found(await send(client, ada, orders), 201)
        monkeypatch.undo()
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert await world.value("SELECT count(*) FROM transfers") == 1001
    assert await world.value("SELECT sum(balance)::bigint FROM accounts") == 0
    assert transfers.INSERT.text.count("INSERT INTO entries") == 1


async def test_50_identical_batches_at_once_are_one(client: httpx.AsyncClient, world: World) -> None:
    """And 50 identical answers."""
    ada = await world.person("ada")
    a, b = await world.account(ada, minimum=None), await world.account(ada)
    orders = [order(a, b), order(b, a, 30)]
    received = await asyncio.gather(*(send(client, ada, orders, key="once") for _ in range(50)))
    assert {answer.status_code for answer in received} == {201}
    assert len({answer.content for answer in received}) == 1
    assert await world.balances(a, b) == [-70, 70]


async def test_a_large_batch_serves_other_requests_while_it_is_judged_and_shown(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop turns at least once for each slice of its transfers."""
    turns = 0
    turned_at: dict[str, list[int]] = {}

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def note(module: ModuleType, name: str) -> None:
        call = getattr(module, name)

        def noting(*arguments: Any, **named: Any) -> Any:
            turned_at.setdefault(name, []).append(turns)
            return call(*arguments, **named)

        monkeypatch.setattr(module, name, noting)

    note(ledger, "judge_transfer")
    note(routes, "_result_text")
    ada = await world.person("ada")
    a, b = await world.account(ada, minimum=None), await world.account(ada)
    turning = asyncio.create_task(turn())
    found(await send(client, ada, [order(a, b)] * 10 * slices.SIZE), 201)
    turning.cancel()
    for noted in turned_at.values():
        assert len(set(noted)) == 10, "as many turns as slices"


async def test_large_batches_of_a_caller_take_turns(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    """The next one waits without a connection; a small batch and another caller's large batch do not."""
    people = [await world.person(name) for name in ("ada", "bob")]
    accounts = [await world.account(person, minimum=None) for person in people]
    large, small = ([order(*accounts)] * number for number in (routes.MAX_SMALL_BATCH + 1, routes.MAX_SMALL_BATCH))
    found(await send(client, people[0], small), 201)  # from here on, the process knows whose key it is
    service = service_of(app)
    with operation.running(Operation("batch", caller=people[0].id)):
        turn = service.batches.turn(30)
        await turn.__aenter__()
    waiting = asyncio.create_task(send(client, people[0], large))
    found(await send(client, people[0], small), 201)
    found(await send(client, people[1], [order(*reversed(accounts))] * len(large)), 201)
    assert not waiting.done()
    assert service.pools["main"].stats().in_use == 0
    await turn.__aexit__(None, None, None)
    found(await waiting, 201)
