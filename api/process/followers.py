"""Followers: the requests of this process that wait for new entries of an account.

One query per interval asks for the versions of all followed accounts; a follower that waits has no connection. What
several followers read at the same time is read once, and all followers together read on few connections, so that a
transfer does not queue behind them.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any, TypeVar

from api.process.background import logged
from repositories.accounts import AccountRepository
from repositories.postgres.metrics import FOLLOWERS
from repositories.postgres.operation import Operation, running
from repositories.postgres.pools import Pool
from repositories.postgres.statements import Connection

Result = TypeVar("Result")

INTERVAL_SECONDS = 0.25
"""Seconds between two queries for the versions of the followed accounts."""
FAILURE_PAUSE_SECONDS = 1.0
"""Seconds to the next query after one that failed."""
MAX_READS = 2
"""Connections on which all followers of a process read at once: half of a pool of the default size."""


class TooManyFollowers(Exception):
    """A limit of followers is reached: that of the user if `of_user`, otherwise that of the process."""

    def __init__(self, limit: int, *, of_user: bool) -> None:
        super().__init__(limit)
        self.limit = limit
        self.of_user = of_user


class Followers:
    """The followers of one process, the versions of their accounts as far as they are known, and their reads."""

    def __init__(self, main: Pool, *, limit: int, limit_per_user: int, read_seconds: float) -> None:
        self._main = main
        self._limit = limit
        self._limit_per_user = limit_per_user
        self._read_seconds = read_seconds
        self._users: Counter[int] = Counter()
        self._accounts: dict[int, _Account] = {}
        self._reads: dict[Hashable, asyncio.Task[Any]] = {}
        self._reading = asyncio.Semaphore(MAX_READS)
        self._watching: asyncio.Task[None] | None = None
        self._pause = INTERVAL_SECONDS
        self._ended = asyncio.Event()

    def __len__(self) -> int:
        return self._users.total()

    @property
    def ended(self) -> bool:
        """True once the process shuts down: no follower waits any more."""
        return self._ended.is_set()

    @contextmanager
    def follow(self, *, account_id: int, user_id: int, version: int) -> Iterator[None]:
        """Follow an account, whose version was read just now, in this context. Raises TooManyFollowers."""
        if len(self) >= self._limit:
            raise TooManyFollowers(self._limit, of_user=False)
        if self._users[user_id] >= self._limit_per_user:
            raise TooManyFollowers(self._limit_per_user, of_user=True)
        account = self._accounts.setdefault(account_id, _Account())
        account.advance(version)
        account.followers += 1
        self._users[user_id] += 1
        FOLLOWERS.inc()
        if self._watching is None or self._watching.done():
            # In a context of its own: the query is part of no request.
            self._watching = asyncio.create_task(self._watch(), context=Context())
        try:
            yield
        finally:
            FOLLOWERS.dec()
            self._users[user_id] -= 1
            if not self._users[user_id]:
                del self._users[user_id]
            account.followers -= 1
            if not account.followers:
                del self._accounts[account_id]

    async def wait(self, *, account_id: int, version: int, seconds: float) -> bool:
        """Wait until a followed account is above `version`; return False after `seconds`, or if the process ends."""
        account = self._accounts[account_id]
        deadline = time.monotonic() + seconds
        while account.version <= version and not self.ended:
            if (left := deadline - time.monotonic()) <= 0:
                return False
            await account.wait(left)
        return account.version > version

    async def pause(self, seconds: float) -> None:
        """Wait for so long, or until the process ends."""
        await _wait(self._ended, seconds)

    async def read(self, key: Hashable, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Return the result of `work` on a connection that is back at once.

        Followers that read under an equal key at the same time share one result. Raises Fault, Defect, psycopg.Error
        and any exception of `work`.
        """
        reading: asyncio.Task[Result] | None = self._reads.get(key)
        if reading is None:
            reading = self._reads[key] = asyncio.create_task(self._read(work), context=Context())
            reading.add_done_callback(lambda done: self._forget(key, done))
        # A follower whose client leaves must not end the read of the others.
        return await asyncio.shield(reading)

    def end(self) -> None:
        """End every wait, now and later: the process shuts down."""
        self._ended.set()
        for account in self._accounts.values():
            account.wake()

    async def close(self) -> None:
        """Stop the query for versions, and every read."""
        tasks = [*self._reads.values(), *([] if self._watching is None else [self._watching])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: Hashable, done: asyncio.Task[Any]) -> None:
        del self._reads[key]
        if not done.cancelled():
            done.exception()  # each follower that still waits raises it; asyncio need not report it

    async def _read(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        with running(Operation("follow", seconds=self._read_seconds)):
            async with self._reading, self._main.checkout() as checkout:
                return await work(checkout.connection)

    async def _watch(self) -> None:
        while self._accounts:
            await asyncio.sleep(self._pause)
            self._pause = FAILURE_PAUSE_SECONDS
            await logged("watch", self._advance())

    async def _advance(self) -> None:
        known = {account_id: account.version for account_id, account in self._accounts.items()}
        async with self._main.checkout() as checkout:
            changed = await AccountRepository(checkout.connection).list_changed(versions=known)
        for row in changed:
            if (account := self._accounts.get(row.id)) is not None:
                account.advance(row.version)
        self._pause = INTERVAL_SECONDS


class _Account:
    """A followed account."""

    def __init__(self) -> None:
        self.followers = 0
        self.version = -1
        self._changed = asyncio.Event()

    def advance(self, version: int) -> None:
        """Record a version, and wake the followers if it is higher than the last one."""
        if version > self.version:
            self.version = version
            self.wake()

    def wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait(self, seconds: float) -> None:
        await _wait(self._changed, seconds)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
