"""A synchronous standby that hangs: no COMMIT is confirmed until it is taken off the list."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest

from api.process.settings import Settings
from repositories.doctor.capacity import Demand
from repositories.server import Limits
from tests.faults.databases import create_databases
from tests.faults.judge import MAX_RECOVERY_SECONDS
from tests.harness.launcher import PATIENCE
from tests.harness.payments import created, order
from tests.harness.servers import hanging_commits, new_server
from tests.harness.world import Person, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.faults.trial import NewTrial, Trial

HANG_SECONDS = 84
WORKERS = 2
CLIENTS = 24
MAX_ANSWER_SECONDS = 9.0
MAX_READ_SECONDS = 2.0
BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(application_name, 'folio serve ')"


@pytest.fixture
def databases() -> Iterator[dict[str, str]]:
    """Both databases on a server of its own."""
    with new_server({"max_connections": "100"}) as server:
        yield create_databases(server.conninfo)


class Payers:
    """Clients that send a new transfer whatever the answer to their last one was."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self.longest = 0.0
        self.unknown: dict[str, tuple[Person, dict[str, object]]] = {}
        """Requests that were answered outcome_unknown, by key."""
        self.backends: list[int] = []

    async def _open(self) -> None:
        """Insert a person with two accounts for each client."""
        async with await self._connect() as connection:
            world = World(connection)
            people = [await world.person(f"payer{number}") for number in range(CLIENTS)]
            self._orders = [
                (one, order(await world.account(one, minimum=None), await world.account(one))) for one in people
            ]

    async def pay(self, client: httpx.AsyncClient, person: Person, body: dict[str, object]) -> None:
        """Pay until cancelled."""
        while True:
            headers, began = person.paying(), time.monotonic()
            answer = await client.post("/transfers", json=body, headers=headers)
            self.longest = max(self.longest, time.monotonic() - began)
            assert answer.status_code == 503, answer.text
            if answer.json()["code"] == "outcome_unknown":
                self.unknown[headers["Idempotency-Key"]] = person, body
            await asyncio.sleep(0.1)

    async def count(self) -> None:
        """Count the backends of Folio until cancelled."""
        async with await self._connect() as observer:
            while True:
                self.backends.append(await World(observer).value(BACKENDS))
                await asyncio.sleep(0.5)

    async def repeat(self, client: httpx.AsyncClient) -> None:
        """Pay within 5 s; then repeat each request of unknown outcome until it succeeds: each key is one transfer."""
        async with asyncio.timeout(MAX_RECOVERY_SECONDS):
            person, body = self._orders[0]
            await created(client, body, person)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(created(client, body, person, key) for key, (person, body) in self.unknown.items()))
        async with await self._connect() as connection:
            keyed = "SELECT count(DISTINCT resource_id) FROM idempotency_keys WHERE kind = 'transfer' AND key = ANY(%s)"
            assert await World(connection).value(keyed, list(self.unknown)) == len(self.unknown)

    @asynccontextmanager
    async def hanging(self, trial: Trial) -> AsyncIterator[None]:
        """Let every COMMIT wait for a standby that does not exist, while the clients pay."""
        await self._open()
        async with httpx.AsyncClient(base_url=trial.load.url, timeout=60) as client:
            async with hanging_commits(self._conninfo):
                await asyncio.sleep(1)  # each backend reads the setting before its next statement
                tasks = [asyncio.create_task(self.pay(client, *one)) for one in self._orders]
                tasks.append(asyncio.create_task(self.count()))
                yield
                for task in tasks:
                    assert not task.done(), task.result()
                    task.cancel()
            await self.repeat(client)

    async def _connect(self) -> psycopg.AsyncConnection[tuple[int]]:
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)


async def test_a_synchronous_standby_that_hangs(databases: dict[str, str], new_trial: NewTrial) -> None:
    """Writes are answered 503 in time; reads are served, and the backends stay within the sum of the doctor."""
    payers, trial = Payers(databases["main"]), new_trial(databases, FOLIO_WORKERS=str(WORKERS))
    began = time.monotonic()
    figures = await trial.run("synchronous standby hangs", payers.hanging(trial), seconds=HANG_SECONDS)
    figures.check("outcome_unknown", "database_overloaded", "lock_timeout", "pool_exhausted")
    pools = {database: Settings().pool(database).max_size for database in databases}
    demand = Demand(Limits("", 100, 3), WORKERS, pools)
    assert max(payers.backends) <= demand.total + demand.hanging
    assert payers.longest < MAX_ANSWER_SECONDS
    assert payers.unknown
    reads = [answer for answer in trial.load.answers_since(began) if answer.route == "read"]
    served = sum(answer.succeeded and answer.seconds < MAX_READ_SECONDS for answer in reads)
    # A few of some nine hundred find the pool full while its connections are replaced.
    assert served >= 0.98 * len(reads), (served, len(reads))
