"""Gathering: each payment keeps its order, refusal, key, deadline and cancellation, whatever its neighbours meet."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.ledger import payments
from repositories.ledger.payments import Payments
from repositories.postgres import gathering, statements
from repositories.postgres.operation import CommitState
from repositories.postgres.pools import Pool
from repositories.postgres.statements import Connection
from tests.harness import gathering as harness
from tests.harness.expect import found, problem
from tests.harness.gathering import jam
from tests.harness.payments import order
from tests.harness.proxy import Proxy, Trouble, proxy
from tests.harness.world import Person, World
from tests.repositories.postgres.pools.conftest import read_pool

pytestmark = pytest.mark.full_pool


@pytest.fixture
async def network(served: dict[str, str]) -> AsyncIterator[Proxy]:
    """The network between the application and the main database."""
    async with proxy(served["main"]) as between:
        yield between


@pytest.fixture
def settings(settings: Settings, network: Proxy, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(gathering, "LOCK_SECONDS", 30.0)
    update = {"main_database_url": network.conninfo, "key_cache_seconds": 3600.0}
    return settings.model_copy(update=update)


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of payments that were gathered, by attempt."""
    sizes: list[int] = []
    together = Payments.run_together

    async def counted(self: Payments, connection: Connection, members: Sequence[payments.Payment]) -> Any:
        sizes.append(len(members))
        return await together(self, connection, members)

    monkeypatch.setattr(Payments, "run_together", counted)
    return sizes


class Purse:
    """Ada with an account without minimum, and three payees."""

    def __init__(self, client: httpx.AsyncClient, world: World, app: FastAPI) -> None:
        self.client = client
        self.world = world
        self.app = app

    async def open(self) -> "Purse":
        self.ada = await self.world.person("ada")
        self.source = await self.world.account(self.ada, minimum=None)
        self.targets = [await self.world.account(self.ada) for _ in range(3)]
        await self.know(self.ada)
        return self

    async def know(self, *people: Person) -> None:
        """Have the process look keys up: while the pool is jammed, it cannot."""
        for person in people:
            found(await self.client.get("/users/me", headers=person.headers))

    async def pay(self, key: str, number: int = 0, **more: int) -> httpx.Response:
        """Pay to one of the payees."""
        body = order(self.source, self.targets[number], **more)
        return await self.client.post("/transfers", json=body, headers=self.ada.paying(key))

    def three(self) -> list[Coroutine[Any, Any, httpx.Response]]:
        """Pay to each payee, under the keys k0 to k2."""
        return [self.pay(f"k{number}", number) for number in range(3)]

    async def paid(self) -> list[int]:
        """Return the payees' balances."""
        return await self.world.balances(*self.targets)


@pytest.fixture
async def purse(client: httpx.AsyncClient, world: World, app: FastAPI) -> Purse:
    return await Purse(client, world, app).open()


BLOCKED = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def blocked(world: World) -> None:
    """Wait until a backend waits for a lock."""
    async with asyncio.timeout(30):
        while not await world.value(f"SELECT count(*) {BLOCKED}"):  # noqa: ASYNC110 - the server has no event
            await asyncio.sleep(0.01)


def statuses(answers: Sequence[httpx.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


async def test_a_payment_that_need_not_wait_runs_alone(purse: Purse, carried: list[int]) -> None:
    """While a connection is free, nothing is gathered."""
    assert statuses([await pay for pay in purse.three()]) == [201] * 3
    assert carried == []


async def test_payments_that_wait_share_the_next_connection(purse: Purse, carried: list[int]) -> None:
    """All in one unit of work, with consecutive versions, in the order in which they came."""
    answers = await harness.send(purse.app, *purse.three())
    assert carried == [3]
    assert [answer.json()["balances"][0]["version"] for answer in answers] == [1, 2, 3]
    assert await purse.paid() == [100] * 3
    assert await purse.world.value("SELECT count(DISTINCT xmin::text) FROM transfers") == 1


async def test_while_a_unit_runs_further_payments_share_the_next(
    purse: Purse, carried: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although connections are free."""
    monkeypatch.setattr(gathering, "PAUSE", 30.0)
    pool = service_of(purse.app).pools["main"]
    pool.checked_out.peak = 0
    answers = await asyncio.gather(*(purse.pay(f"k{number}", number % 3) for number in range(12)))
    assert statuses(answers) == [201] * 12
    assert pool.checked_out.peak == 1
    assert max(carried) > 2


async def test_payments_wait_for_a_moment_for_a_unit_that_hangs(purse: Purse, world: World) -> None:
    """A unit waits for a locked account; another payment takes a free connection."""
    bob = await world.person("bob")
    body = order(await world.account(bob, minimum=None), purse.targets[0])
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", (purse.source,))
        stuck = asyncio.create_task(purse.pay("k"))
        async with asyncio.timeout(30):
            while not service_of(purse.app).payments._running.locked():  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        found(await purse.client.post("/transfers", json=body, headers=bob.paying()), 201)
        assert not stuck.done()
    assert (await stuck).status_code == 201


async def test_payments_that_arrive_at_the_same_moment_share_a_unit(purse: Purse, carried: list[int]) -> None:
    """Although no unit runs and every connection is free."""
    answers = await asyncio.gather(*(purse.pay(f"k{number}", number) for number in range(3)))
    assert statuses(answers) == [201] * 3
    assert carried == [3]


async def test_without_gathering_each_runs_alone(purse: Purse, carried: list[int]) -> None:
    """FOLIO_GATHER=false."""
    service_of(purse.app).payments._enabled = False
    pool = service_of(purse.app).pools["main"]
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(pool.options.max_size):
            await stack.enter_async_context(pool.checkout())
        answers = [asyncio.create_task(pay) for pay in purse.three()]
        await asyncio.sleep(0)
    assert statuses(await asyncio.gather(*answers)) == [201] * 3
    assert carried == []


def normalized(answer: httpx.Response, accounts: list[int]) -> tuple[int, str | None, Any]:
    """Return status, replay header and body, without times and ids, and with accounts by their places."""

    def plain(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            hidden = {"id", "created_at", "request_id", "detail"}
            return {name: plain(name, member) for name, member in value.items() if name not in hidden}
        if isinstance(value, list):
            return [plain(name, member) for member in value]
        return accounts.index(value) if name.endswith("account_id") and value in accounts else value

    return answer.status_code, answer.headers.get("Idempotency-Replayed"), plain("", answer.json())


async def script(purse: Purse, name: str, *, gather: bool) -> list[tuple[int, str | None, Any]]:
    """Send payments of every kind of outcome in one order; return their answers."""
    ada, bob = await purse.world.person(f"{name}ada"), await purse.world.person(f"{name}bob")
    await purse.know(ada, bob)
    accounts = [
        await purse.world.account(owner, minimum=minimum) for owner, minimum in ((ada, None), (bob, 0), (ada, 0))
    ]
    accounts.append(await purse.world.account(bob, status="frozen"))
    accounts.append(await purse.world.account(bob, currency="USD"))
    world, purchaser, saver, frozen, dollars = accounts
    steps: list[tuple[Person, str, dict[str, object]]] = [
        (ada, "a", order(world, purchaser, 50)),
        (bob, "a", order(purchaser, saver, 60)),  # insufficient funds, with a key that another caller uses
        (ada, "a", order(world, purchaser, 50)),  # a replay
        (ada, "a", order(world, purchaser, 51)),  # another request under the key
        (bob, "b", order(purchaser, saver, 30)),
        (bob, "a", order(purchaser, saver, 60)),  # a replay of the refusal
        (bob, "c", order(world, purchaser, 1)),  # not his: stored nowhere
        (bob, "c", order(purchaser, saver, 20)),  # so the key is new
        (bob, "d", order(purchaser, saver, 1)),  # insufficient funds
        (ada, "b", order(saver, purchaser, 10, from_account_version=2)),
        (ada, "c", order(saver, purchaser, 10, from_account_version=2)),  # version mismatch
        (ada, "d", order(world, frozen, 1)),
        (ada, "e", order(world, dollars, 1)),
        (ada, "f", order(world, world, 1)),
        (ada, "g", order(world, 987654, 1)),
        (ada, "b", order(saver, purchaser, 10, from_account_version=2)),  # a replay
    ]
    sends = [purse.client.post("/transfers", json=body, headers=who.paying(key)) for who, key, body in steps]
    answers = await harness.send(purse.app, *sends) if gather else [await send for send in sends]
    again = [await purse.client.post("/transfers", json=body, headers=who.paying(key)) for who, key, body in steps]
    return [normalized(answer, accounts) for answer in [*answers, *again]]


async def test_gathered_payments_are_answered_as_single_ones(purse: Purse, carried: list[int]) -> None:
    """Order, refusals, keys within a gathering, replays of them later, and strangers."""
    single = await script(purse, "single", gather=False)
    assert await script(purse, "gathered", gather=True) == single
    assert carried == [16]
    expected = [201, 422, 201, 422, 201, 422, 404, 201, 422, 201, 409, 409, 422, 422, 404, 201]
    assert [status for status, _, _ in single[:16]] == expected


async def test_64_clients_with_overlapping_accounts_and_repeated_keys(
    client: httpx.AsyncClient, app: FastAPI, world: World, carried: list[int]
) -> None:
    """Each key is one transfer with one answer, no money is made or lost, and the audit is clean."""
    root = await world.person("root", role="operator")
    people = [await world.person(f"p{number}") for number in range(8)]
    accounts = [(person, await world.account(person, minimum=None)) for person in people]
    chance = random.Random(3)  # noqa: S311 - the same mix every time
    answers: dict[tuple[int, str], set[str]] = {}

    async def one_client(number: int) -> None:
        for turn in range(6):
            (payer, source), (_, target) = chance.sample(accounts, 2)
            key = f"k{number // 2}-{turn}" if number % 2 else f"k{number}-{turn}"
            body = order(source, target, number + 1)
            for _ in range(1 + chance.randrange(2)):
                answer = await client.post("/transfers", json=body, headers=payer.paying(key))
                assert answer.status_code in {201, 422}, answer.text
                if answer.status_code == 201:
                    answers.setdefault((payer.id, key), set()).add(answer.text)

    await asyncio.gather(*(one_client(number) for number in range(64)))
    assert carried, "nothing was gathered"
    assert {len(texts) for texts in answers.values()} == {1}
    assert await world.value("SELECT count(*) FROM transfers") == len(answers)
    assert await world.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    audit = (await client.post("/ops/audit", headers=root.headers)).json()
    assert audit["ok"], audit


async def test_a_request_without_a_valid_api_key_joins_no_gathering(purse: Purse, carried: list[int]) -> None:
    """401 for it, 201 for the others."""
    stranger = Person(0, "eve", "folio_" + "x" * 43)
    body = order(purse.source, purse.targets[0])
    async with jam(purse.app) as queue:
        answers = await queue.add(*purse.three())
        wrong = asyncio.create_task(purse.client.post("/transfers", json=body, headers=stranger.paying()))
    problem(await wrong, 401, "unauthorized")
    assert statuses(await asyncio.gather(*answers)) == [201] * 3
    assert carried == [3]


@contextlib.asynccontextmanager
async def late(purse: Purse, seconds: float = 0.4) -> AsyncIterator[None]:
    """Give the requests that arrive in this context a deadline of their own."""
    service = service_of(purse.app)
    settings = service.settings
    service.settings = settings.model_copy(update={"request_timeout": seconds})
    yield
    service.settings = settings


async def one_ends(purse: Purse, end: Callable[[Sequence[asyncio.Task[httpx.Response]]], Any], *, inside: bool) -> None:
    """Gather three payments, of which the second ends before COMMIT: while it waits, or `inside` the unit of work."""
    first, second, third = purse.three()
    async with contextlib.AsyncExitStack() as stack:
        if inside:
            await stack.enter_async_context(purse.world.connection.transaction())
            await purse.world.connection.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", (purse.source,))
        async with jam(purse.app) as queue:
            answers = await queue.add(first)
            async with late(purse, 1.0):
                answers += await queue.add(second)
            answers += await queue.add(third)
            if not inside:
                await end(answers)
        if inside:
            await end(answers)
    assert statuses(await asyncio.gather(answers[0], answers[2])) == [201, 201]
    assert await purse.paid() == [100, 0, 100]


async def deadline_passes(answers: Sequence[asyncio.Task[httpx.Response]]) -> None:
    problem(await answers[1], 503, "deadline_exceeded")


async def is_cancelled(answers: Sequence[asyncio.Task[httpx.Response]]) -> None:
    await asyncio.sleep(0.1)  # the unit may wait for the lock by then; it is right either way
    answers[1].cancel()
    await asyncio.wait({answers[1]})


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("end", [deadline_passes, is_cancelled])
async def test_a_payment_that_ends_before_commit_is_not_written(
    purse: Purse, carried: list[int], end: Callable[..., Any], *, inside: bool
) -> None:
    """By its deadline or by cancellation: nothing of it is written, and its neighbours are."""
    await one_ends(purse, end, inside=inside)
    assert carried == [3 if inside else 2]


async def test_without_the_look_at_each_request_before_commit(purse: Purse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a payment that was answered with "nothing was written" is written."""
    monkeypatch.setattr(gathering._SharedUnit, "remaining", lambda _: 30.0)
    with pytest.raises(AssertionError):
        await one_ends(purse, deadline_passes, inside=True)


async def test_a_deadline_that_passes_during_commit_is_an_unknown_outcome(purse: Purse, network: Proxy) -> None:
    """From COMMIT on, no answer says that nothing was written."""
    first, second, third = purse.three()
    async with jam(purse.app) as queue:
        answers = await queue.add(first)
        async with late(purse, 3.0):
            answers += await queue.add(second)
        answers += await queue.add(third)
        network.trouble = Trouble.DELAY
    async with asyncio.timeout(30):
        await network.committing.wait()
    problem(await answers[1], 503, "outcome_unknown")
    network.release.set()
    assert statuses(await asyncio.gather(answers[0], answers[2])) == [201, 201]
    assert await purse.paid() == [100] * 3


@pytest.mark.parametrize("trouble", [Trouble.CUT_BEFORE, Trouble.CUT_AFTER])
async def test_a_lost_commit_is_resolved_for_each_payment_by_its_own_key(
    purse: Purse, network: Proxy, carried: list[int], trouble: Trouble
) -> None:
    """Each is written once, answered as written first, and replayed under its key."""
    async with jam(purse.app) as queue:
        answers = await queue.add(*purse.three(), purse.pay("k9", amount=1, from_account_version=17))
        network.trouble = trouble
    received = await asyncio.gather(*answers)
    assert network.committing.is_set()
    assert carried == [4]
    assert statuses(received) == [201, 201, 201, 409]
    assert not any("Idempotency-Replayed" in answer.headers for answer in received)
    assert await purse.paid() == [100] * 3
    again = [await pay for pay in purse.three()]
    assert [answer.content for answer in again] == [answer.content for answer in received[:3]]


async def test_a_connection_that_is_lost_before_commit_costs_nothing(purse: Purse, carried: list[int]) -> None:
    """The server ends the backend while the unit waits for a lock: the payments run again singly."""
    world = purse.world
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", (purse.source,))
        async with jam(purse.app) as queue:
            answers = await queue.add(*purse.three())
        await blocked(world)
        await world.connection.execute(f"SELECT pg_terminate_backend(pid) {BLOCKED}")
    assert statuses(await asyncio.gather(*answers)) == [201] * 3
    assert carried == [3]
    assert await purse.paid() == [100] * 3


async def test_a_lock_timeout_of_one_payment_spares_the_others(
    purse: Purse, carried: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 lock_timeout for the payment whose account hangs, 201 for the others."""
    monkeypatch.setattr(gathering, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(statements, "LOCK_SECONDS", 3.0)
    hanging = await purse.world.account(purse.ada, minimum=None)
    async with purse.world.connection.transaction():
        await purse.world.connection.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", (hanging,))
        body = order(hanging, hanging + 1)
        stuck = purse.client.post("/transfers", json=body, headers=purse.ada.paying())
        first, *others = await harness.send(purse.app, stuck, *purse.three())
    problem(first, 503, "lock_timeout")
    assert statuses(others) == [201] * 3
    assert carried == [4]


async def test_a_key_that_is_taken_meanwhile_spares_the_others(purse: Purse, carried: list[int]) -> None:
    """Another request stores the key after the unit has looked for it: 422 for one, 201 for the others."""
    world = purse.world
    async with world.connection.transaction():
        await world.connection.execute(
            "INSERT INTO idempotency_keys (user_id, key, request_hash, kind, answer)"
            " VALUES (%s, 'k1', sha256('another'), 'batch', '{}')",
            (purse.ada.id,),
        )
        async with jam(purse.app) as queue:
            answers = await queue.add(*purse.three())
        await blocked(world)
    assert statuses(await asyncio.gather(*answers)) == [201, 422, 201]
    assert carried == [3, 3]
    assert await purse.paid() == [100, 0, 100]


@pytest.mark.parametrize(("deadlocks", "attempts"), [(2, 3), (4, 4)])
async def test_a_deadlock_is_retried_and_then_each_runs_alone(
    purse: Purse, carried: list[int], monkeypatch: pytest.MonkeyPatch, deadlocks: int, attempts: int
) -> None:
    """Three retries of the unit; after that, each payment in a unit of its own."""
    counted = Payments.run_together

    async def deadlocked(self: Payments, connection: Connection, members: Sequence[payments.Payment]) -> Any:
        results = await counted(self, connection, members)
        if len(carried) <= deadlocks:
            await connection.execute("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END $$")
        return results

    monkeypatch.setattr(Payments, "run_together", deadlocked)
    assert statuses(await harness.send(purse.app, *purse.three())) == [201] * 3
    assert len(carried) == attempts
    assert await purse.paid() == [100] * 3


async def of_20_gathered_payments_at_one_version_one_is_made(purse: Purse) -> None:
    sends = [purse.pay(f"k{number}", from_account_version=0) for number in range(20)]
    assert sorted(statuses(await harness.send(purse.app, *sends))) == [201] + [409] * 19


async def test_a_payment_is_judged_after_those_before_it(purse: Purse, carried: list[int]) -> None:
    """Of 20 gathered payments at one version, one is made."""
    await of_20_gathered_payments_at_one_version_one_is_made(purse)
    assert carried == [20]


async def test_without_the_balances_that_earlier_payments_left(purse: Purse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: judged on the balances before the first payment, all are made."""
    monkeypatch.setattr(payments, "apply", lambda *_: None)
    with pytest.raises(AssertionError):
        await of_20_gathered_payments_at_one_version_one_is_made(purse)


async def test_50_gathered_identical_payments_are_one_transfer(purse: Purse, carried: list[int]) -> None:
    """One is made, 49 are replays, and all bodies are equal."""
    answers = await harness.send(purse.app, *(purse.pay("k") for _ in range(50)))
    assert carried == [50]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 49
    assert await purse.paid() == [100, 0, 0]


async def test_operators_see_how_many_payments_a_connection_carries(purse: Purse, world: World) -> None:
    """GET /ops/pools, while the unit waits for a lock; the metric afterwards."""
    operator = await world.person("operator", role="operator")
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", (purse.source,))
        async with jam(purse.app) as queue:
            answers = await queue.add(*purse.three())
            waiting = await read_pool(purse.client, operator)
        async with asyncio.timeout(30):
            while not (holders := (await read_pool(purse.client, operator))["holders"]):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
    assert waiting["waiting"] >= 3
    assert [holder["carries"] for holder in waiting["holders"]] == [1] * 4
    assert [(holder["work"], holder["carries"]) for holder in holders] == [("gathered transfers", 3)]
    assert statuses(await asyncio.gather(*answers)) == [201] * 3
    metrics = (await purse.client.get("/metrics", headers=operator.headers)).text
    assert "folio_gathered_requests_sum" in metrics


async def others_are_served(purse: Purse) -> None:
    """Behind a locked account, one caller's payments take no more than its share; another caller is answered."""
    bob = await purse.world.person("bob")
    await purse.know(bob)
    pool = service_of(purse.app).pools["main"]
    async with purse.world.connection.transaction():
        await purse.world.connection.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", (purse.source,))
        stuck: list[asyncio.Task[httpx.Response]] = []
        for in_use, arriving in [(1, 1), (2, 7), (2, 6), (2, 6)]:
            stuck += [asyncio.create_task(purse.pay(f"k{len(stuck) + number}")) for number in range(arriving)]
            async with asyncio.timeout(30):
                while (  # noqa: ASYNC110 - no event
                    len(pool.checked_out) < in_use
                    or service_of(purse.app).callers._in_flight.get(purse.ada.id, 0) < len(stuck)
                ):
                    await asyncio.sleep(0.01)
        answer = asyncio.create_task(purse.client.get("/accounts", headers=bob.headers))
        await asyncio.wait({answer}, timeout=5)
        assert answer.done(), "another caller waits"
        in_use = len(pool.checked_out)
    assert statuses(await asyncio.gather(*stuck)) == [201] * 20
    assert in_use == 2


async def test_one_callers_payments_leave_half_of_the_pool(
    purse: Purse, carried: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gathered unit of work counts in the share of the caller that waited longest."""
    monkeypatch.setattr(gathering, "PAUSE", 0.0)
    await others_are_served(purse)
    assert carried
    assert max(carried) > 1


async def test_without_shares_one_caller_takes_all_connections(purse: Purse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: every payment finds the pool free."""
    monkeypatch.setattr(gathering._Place, "caller", None)
    monkeypatch.setattr(Pool, "has_room", lambda *_: True)
    monkeypatch.setattr(gathering, "PAUSE", 0.0)
    with pytest.raises((AssertionError, TimeoutError)):
        await others_are_served(purse)


async def test_payments_that_find_no_connection_in_time_are_refused(
    purse: Purse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each after the checkout timeout, with pool_exhausted, and nothing is written."""
    pool = service_of(purse.app).pools["main"]
    monkeypatch.setattr(pool, "options", pool.options.__class__(**{**vars(pool.options), "timeout": 0.3}))
    async with jam(purse.app) as queue:
        answers = await queue.add(*purse.three())
        for answer in await asyncio.gather(*answers):
            problem(answer, 503, "pool_exhausted")
    assert await purse.paid() == [0] * 3
    assert statuses([await pay for pay in purse.three()]) == [201] * 3


async def test_a_payment_that_runs_again_waits_for_a_connection_no_longer_in_all(
    purse: Purse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait for the shared connection and that for its own one are together within the checkout timeout."""
    monkeypatch.setattr(gathering, "LOCK_SECONDS", 0.2)
    pool = service_of(purse.app).pools["main"]
    monkeypatch.setattr(pool, "options", pool.options.__class__(**{**vars(pool.options), "timeout": 4.0}))
    started = asyncio.get_running_loop().time()
    async with purse.world.connection.transaction(), contextlib.AsyncExitStack() as stack:
        await purse.world.connection.execute("SELECT FROM accounts FOR UPDATE")
        async with jam(purse.app) as queue:
            answers = await queue.add(*purse.three())
            [first, *_] = service_of(purse.app).payments._queue
            while first.patience() > 1:  # noqa: ASYNC110 - time has no event
                await asyncio.sleep(0.01)
        for _ in range(pool.options.max_size):
            await stack.enter_async_context(pool.checkout())
        for answer in await asyncio.gather(*answers):
            problem(answer, 503, "pool_exhausted")
    assert asyncio.get_running_loop().time() - started < 6


async def test_the_end_of_the_process_ends_the_payments_that_wait(purse: Purse) -> None:
    """No request hangs: each is answered that nothing was written."""
    async with jam(purse.app) as queue:
        answers = await queue.add(*purse.three())
        await service_of(purse.app).payments.close()
        for answer in await asyncio.gather(*answers):
            problem(answer, 503, "database_unavailable")
        assert not service_of(purse.app).payments._tasks
    assert await purse.paid() == [0] * 3


async def test_the_state_of_commit_is_that_of_each_request(purse: Purse) -> None:
    """A gathered request that is committed is answered even after its deadline."""
    states: list[CommitState] = []
    settle = gathering._Place.settle

    def observed(self: Any, result: Any) -> None:
        states.append(self.operation.commit)
        settle(self, result)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering._Place, "settle", observed)
        await harness.send(purse.app, *purse.three())
    assert states == [CommitState.COMMITTED] * 3
