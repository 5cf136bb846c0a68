"""Many requests at once: no deadlock, no overdraft, no money made or lost, and a ledger that cannot be rewritten."""

import asyncio
import random

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.process import background, jobs
from api.process.service import service_of
from repositories.postgres import metrics
from tests.harness.expect import insist
from tests.harness.payments import order
from tests.harness.world import Person, World

pytestmark = pytest.mark.full_pool

Accounts = list[tuple[Person, int]]


async def gather(client: httpx.AsyncClient, requests: list[tuple[dict[str, object], dict[str, str]]]) -> list[int]:
    """Send transfers, 40 at a time, and return their statuses."""
    room = asyncio.Semaphore(40)

    async def send(body: dict[str, object], headers: dict[str, str]) -> int:
        async with room:
            return (await insist(client, "/transfers", body, headers)).status_code

    return await asyncio.gather(*(send(body, headers) for body, headers in requests))


def retries() -> float:
    """Return the number of units of work that ran again, for instance after a deadlock."""
    number: float = metrics.UNITS.labels("retried")._value.get()
    return number


async def oppose(client: httpx.AsyncClient, world: World, count: int) -> None:
    """Send `count` transfers each way at once; assert that no money is lost and PostgreSQL saw no deadlock."""
    before = retries()
    ada, bob = await world.person("ada"), await world.person("bob")
    left, right = await world.account(ada, minimum=None), await world.account(bob, minimum=None)
    there = [(order(left, right, 7), ada.paying()) for _ in range(count)]
    back = [(order(right, left, 7), bob.paying()) for _ in range(count)]
    statuses = await gather(client, [request for pair in zip(there, back, strict=True) for request in pair])
    assert set(statuses) == {201}
    assert await world.balances(left, right) == [0, 0]
    assert await world.value("SELECT sum(amount)::bigint FROM entries") == 0
    assert await world.value("SELECT max(version) FROM entries") == 2 * count
    backwards = """
        SELECT count(*) FROM entries AS later
        JOIN entries AS earlier ON earlier.account_id = later.account_id AND earlier.version = later.version - 1
        WHERE later.created_at < earlier.created_at
    """
    assert await world.value(backwards) == 0
    assert await world.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    assert retries() == before  # PostgreSQL counts a deadlock up to some seconds late


async def test_2_times_500_opposing_transfers_end_where_they_began(client: httpx.AsyncClient, world: World) -> None:
    """Every transfer is made, the sum is unchanged, the versions have no gap, and PostgreSQL saw no deadlock."""
    await oppose(client, world, 500)


async def test_of_20_transfers_at_one_version_one_is_made(client: httpx.AsyncClient, world: World) -> None:
    """A transfer with from_account_version is refused if another transfer was faster."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    statuses = await gather(client, [(order(payer, payee, from_account_version=0), ada.paying()) for _ in range(20)])
    assert sorted(statuses) == [201] + [409] * 19


async def test_of_20_batches_at_one_version_one_is_made(client: httpx.AsyncClient, world: World) -> None:
    """A batch locks its accounts by another statement than a single transfer, and just as well."""
    ada = await world.person("ada")
    payer, payee, other = [await world.account(ada, minimum=None) for _ in range(3)]
    body = {"atomic": True, "transfers": [order(payer, payee, from_account_version=0), order(payer, other)]}
    answers = await asyncio.gather(*(insist(client, "/transfers/batch", body, ada.paying()) for _ in range(20)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[1:] == [409] * 19, statuses
    assert await world.balances(payer, payee, other) == [-200, 100, 100]


async def one_of_everything(client: httpx.AsyncClient, chance: random.Random, accounts: Accounts, root: Person) -> None:
    """Send one random request that moves or holds money; assert that it is made or refused."""

    async def post(path: str, body: object, who: Person) -> httpx.Response:
        answer = await insist(client, path, body, who.paying())
        assert answer.status_code < 500, (path, answer.text)
        return answer

    (payer, source), (payee, target) = chance.sample(accounts, 2)
    body = order(source, target, chance.randint(1, 50))
    kind = chance.choice(("transfer", "batch", "reversal", "capture", "release", "expire"))
    if kind == "batch":
        more = [order(source, other, 5) for _, other in chance.sample(accounts, 3)]
        await post("/transfers/batch", {"atomic": chance.random() < 0.5, "transfers": [body, *more]}, payer)
        return
    if kind in {"transfer", "reversal"}:
        answer = await post("/transfers", body, payer)
        ends = [f"{answer.headers.get('Location')}/reversal"] * 2
    else:
        answer = await post("/holds", body | {"expires_in": 1}, payer)
        ends = [f"{answer.headers.get('Location')}/{kind}"]
    if answer.status_code == 201 and kind not in {"transfer", "expire"}:
        await asyncio.gather(*(post(end, None, who) for end, who in zip(ends, (payee, root), strict=False)))


async def test_everything_at_once_leaves_a_clean_ledger(client: httpx.AsyncClient, app: FastAPI, world: World) -> None:
    """Transfers, batches, holds and their ends, reversals and sweeps: no deadlock, no 5xx, a clean audit."""
    root = await world.person("root", role="operator")
    people = [await world.person(name) for name in ("ada", "bob", "eve")]
    accounts = [(person, await world.account(person, minimum=minimum)) for person in people for minimum in (None, 0)]
    chance = random.Random(7)  # noqa: S311 - the same mix every time
    room = asyncio.Semaphore(12)

    async def one() -> None:
        async with room:
            await one_of_everything(client, chance, accounts, root)

    sweeps = [asyncio.create_task(jobs.sweep(service_of(app).pools["main"], 0.05)) for _ in range(2)]
    try:
        await asyncio.gather(*(one() for _ in range(80)))
    finally:
        await background.stop(sweeps, 60)
    audit = (await client.post("/ops/audit", headers=root.headers)).json()
    assert audit["ok"], audit
    assert await world.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    kinds = "SELECT count(DISTINCT (reverses_id IS NULL, hold_id IS NULL)) FROM transfers"
    assert await world.value(kinds) == 3


async def test_of_20_transfers_with_funds_for_7_7_are_made(client: httpx.AsyncClient, world: World) -> None:
    """No overdraft: 7 are made, 13 are refused, and the payer has nothing left."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada), await world.account(ada)
    await world.fund(payer, 700)
    statuses = await gather(client, [(order(payer, payee), ada.paying()) for _ in range(20)])
    assert sorted(statuses) == [201] * 7 + [422] * 13
    assert await world.balances(payer, payee) == [0, 700]


async def test_one_key_on_different_accounts_at_once_is_one_transfer(client: httpx.AsyncClient, world: World) -> None:
    """The account locks do not serialize these requests; the constraint of the key does, and the losers run again."""
    ada = await world.person("ada")
    payers = [await world.account(ada, minimum=None) for _ in range(8)]
    payee = await world.account(ada)
    statuses = await gather(client, [(order(payer, payee), ada.paying("same")) for payer in payers])
    assert sorted(statuses) == [201] + [422] * 7
    assert await world.value("SELECT count(*) FROM transfers") == 1


async def test_the_database_itself_refuses_to_change_the_ledger(world: World) -> None:
    """UPDATE, DELETE and TRUNCATE are refused to a superuser, in every replication mode."""
    ada = await world.person("ada")
    await world.fund(await world.account(ada), 100)
    for mode in ("origin", "replica"):
        await world.connection.execute(f"SET session_replication_role = {mode}")
        for table in ("entries", "transfers"):
            for change in (f"UPDATE {table} SET amount = amount", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
                with pytest.raises(psycopg.errors.RestrictViolation):
                    await world.connection.execute(change)


async def test_the_database_holds_the_balance_rules_as_constraints(world: World) -> None:
    """A bug in Folio cannot leave available below minimum, nor a balance out of range."""
    ada = await world.person("ada")
    account = await world.account(ada)
    await world.fund(account, 100)
    for broken in (
        "balance = -1",
        "held = 101",
        "held = -1",
        "minimum = 200",
        "balance = 9007199254740992",
        "minimum = NULL, held = 9007199254740992",
        "minimum = NULL, balance = -9007199254740991, held = 1",
        "status = 'closed'",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            await world.connection.execute(f"UPDATE accounts SET {broken} WHERE id = {account}")
