"""Row locks: a request waits for them for 2.25 s in all, however many requests wait for the same row."""

import asyncio
import time

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories import accounts, api_keys, products, request_counts, transfers
from repositories.accounts import AccountRepository
from repositories.postgres import connections, statements, unit_of_work
from repositories.postgres.errors import LockTimeout
from repositories.postgres.operation import Operation, running
from repositories.postgres.statements import Connection
from tests.harness.payments import order
from tests.harness.world import World

pytestmark = pytest.mark.full_pool

SLACK_SECONDS = 2.0
"""For a busy machine; less than a second wait for the lock."""


@pytest.fixture
def share() -> str:
    """The part of the connections that one caller may have; tests override it by a parameter."""
    return "1"


@pytest.fixture
def settings(settings: Settings, share: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The budgets and the pool of a service in production."""
    for name, seconds in (("lock_timeout", "2s"), ("statement_timeout", "5s"), ("transaction_timeout", "15s")):
        monkeypatch.setitem(connections.REQUEST_BUDGETS, name, seconds)
    monkeypatch.setattr(statements, "LOCK_SECONDS", 2.25)
    options = {"TIMEOUT": 2, "MIN_SIZE": 4, "MAX_SIZE": 4, "MAX_WAITING": 100, "SHARE_PER_CALLER": share}
    for name, value in options.items():
        monkeypatch.setenv(f"FOLIO_POOL_{name}", str(value))
    return settings


@pytest.mark.parametrize(("payers", "share", "waiting"), [(6, "1", 4), (12, "1", 4), (6, "0.5", 2)])
async def test_every_payer_behind_a_locked_row_is_answered_in_time_by_an_honest_code(
    client: httpx.AsyncClient, world: World, payers: int, waiting: int
) -> None:
    """lock_timeout within 2.25 s of getting a connection; pool_exhausted within 2 s without one.

    Of one caller, as many wait for the row as it may have connections.
    """
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    body = order(payer, payee)

    async def pay(number: int) -> tuple[str, float]:
        started = time.monotonic()
        answer = await client.post("/transfers", json=body, headers=ada.paying(f"k{number}"))
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        return answer.json()["code"], time.monotonic() - started

    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts FOR UPDATE")
        answers = await asyncio.gather(*(pay(number) for number in range(payers)))
    codes = [code for code, _ in answers]
    assert set(codes) <= {"lock_timeout", "pool_exhausted"}, answers
    assert codes.count("lock_timeout") >= waiting, answers
    waits = sorted(seconds for code, seconds in answers if code == "lock_timeout")
    assert waits[waiting - 1] < 2 + SLACK_SECONDS, answers
    assert waits[-1] < 4 + SLACK_SECONDS, answers
    assert all(seconds < 2 + SLACK_SECONDS for code, seconds in answers if code == "pool_exhausted"), answers
    assert (await client.post("/transfers", json=body, headers=ada.paying("k0"))).status_code == 201
    assert await world.value("SELECT count(*) FROM transfers") == 1


async def test_a_unit_of_work_waits_for_all_its_locks_together(app: FastAPI, world: World) -> None:
    """Earlier waits shorten the next one; the unit is rolled back, and its connection stays usable."""
    ada = await world.person("ada")
    await world.account(ada)
    async with world.connection.transaction(), service_of(app).pools["main"].checkout() as checkout:
        await world.connection.execute("SELECT FROM accounts FOR UPDATE")

        async def work(connection: Connection) -> None:
            serving.lock_seconds = 2.2
            await AccountRepository(connection).lock_owned(owner_id=ada.id)

        with running(Operation("test")) as serving:
            started = time.monotonic()
            with pytest.raises(LockTimeout):
                await unit_of_work.run(checkout, work)
        assert time.monotonic() - started < SLACK_SECONDS
        await checkout.connection.execute("SELECT 1")


async def test_a_statement_that_may_run_for_long_is_not_taken_for_one_that_waits() -> None:
    """Only statements that touch few rows are cancelled after 2.25 s; the others have the statement's budget."""
    assert accounts.LOCK.locks
    assert api_keys.INSERT.locks
    assert request_counts.ADD.locks
    assert not transfers.INSERT.locks
    assert not products.ARCHIVE_BY_SELLER.locks
    assert not accounts.LOCK_OVERDUE.locks  # it skips locked rows
