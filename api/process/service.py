"""The service of one process: its settings, pools and background work, as one typed object."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from fastapi import FastAPI, Request

from api.process import startup
from api.process.background import Background
from api.process.callers import Callers
from api.process.drain import Drain
from api.process.followers import Followers
from api.process.key_look_ups import KeyLookUps
from api.process.operators import Operators
from api.process.readiness import Readiness
from api.process.settings import Settings
from api.process.turns import Turns
from repositories.audit.run import Databases
from repositories.ledger.payments import Payments
from repositories.postgres.pools import Pool
from repositories.schema.databases import DATABASES

MAX_CSV_FILES = 10
"""CSV files that one process sends at a time: a slow reader keeps its file open for up to an hour."""
MAX_BATCHES = 2
"""Large batches that one process carries out at a time, each of another caller."""


class Service:
    """One serving process. The pools exist from `open` to `close`; each start of the lifespan creates new ones."""

    started_at: datetime
    conninfos: Mapping[str, str]
    pools: Mapping[str, Pool]
    """Pools for ordinary requests, by database."""
    operator_pools: Mapping[str, Pool]
    """Pools of one connection, by database: operators are answered even if the other pools are exhausted."""
    payments: Payments
    key_look_ups: KeyLookUps
    readiness: Readiness
    followers: Followers
    drain: Drain
    background: Background
    callers: Callers
    auditing: asyncio.Lock
    """Held while this process runs an audit for an operator."""
    audited: Databases
    """Where an audit reads, and stores its result."""
    csv_files: asyncio.Semaphore
    """Has MAX_CSV_FILES places, one for each file that is being sent."""
    operators: Operators
    searches: Turns
    batches: Turns
    """Turns of the batches of more than a few transfers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def all_pools(self) -> list[Pool]:
        """Return the pools of requests and of operators."""
        return [*self.pools.values(), *self.operator_pools.values()]

    async def open(self) -> None:
        """Open the pools, which connect in the background: if a database is away, requests fail and this does not."""
        self.started_at = datetime.now(UTC)
        self.conninfos = startup.serving(self.settings)
        self.pools, self.operator_pools = {}, {}
        for name in DATABASES:
            options, conninfo = self.settings.pool(name), self.conninfos[name]
            self.pools[name] = Pool(name, conninfo, options)
            single = replace(options, min_size=0, max_size=1)
            self.operator_pools[name] = Pool(f"{name} (operations)", conninfo, single, purpose="operations")
        self.payments = Payments(self.pools["main"], gather=self.settings.gather)
        self.key_look_ups = KeyLookUps(self.pools["main"])
        self.readiness = Readiness(self.pools)
        self.followers = Followers(
            self.pools["main"],
            limit=self.settings.followers,
            limit_per_user=self.settings.followers_per_user,
            read_seconds=self.settings.request_timeout,
        )
        self.drain = Drain(self.followers.end)
        self.background = Background()
        self.callers = Callers(self.settings.key_cache_seconds)
        self.auditing = asyncio.Lock()
        self.audited = Databases(self.conninfos, self.operator_pools["main"], self.settings.main_standby_url)
        self.csv_files = asyncio.Semaphore(MAX_CSV_FILES)
        self.operators = Operators()
        self.searches = Turns("searches", self.settings.max_searches)
        self.batches = Turns("batches", MAX_BATCHES)
        for pool in self.all_pools:
            await pool.open()

    def forget_key(self, digest: bytes) -> None:
        """Forget a key that was found invalid, wherever this process remembers valid ones."""
        self.callers.forget(digest)
        self.operators.forget(digest)

    async def close(self) -> None:
        """End what waits for a connection, stop the followers' queries and close every connection."""
        await self.payments.close()
        await self.key_look_ups.close()
        await self.followers.close()
        await asyncio.gather(*(pool.close() for pool in self.all_pools))


def service_of(app: FastAPI) -> Service:
    """Return the service of an application."""
    service: Service = app.state.service
    return service


async def get_service(request: Request) -> Service:
    """Return the service of the application that serves this request."""
    return service_of(request.app)
