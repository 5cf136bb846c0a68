"""Gathering: requests that arrive while a unit of work runs, or while no connection is free, share the next one.

A request that is alone has a connection and a unit of work of its own at once. The others are a queue: the next free
connection takes all of them, up to a limit, and runs them as one unit of work. While a unit runs, requests wait for a
moment although a connection is free: the unit is most likely about to end, and a second one at the same time would cost
more than it saves.

Each request keeps its own deadline, and may be cancelled at any time. If the unit fails, or if a request's time is up
before COMMIT is sent, nothing was written, and the others run again, each in a unit of its own; both waits for a
connection together last at most the checkout timeout. If COMMIT is lost, each request finds out what became of its own
part.
"""

import asyncio
import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import structlog

from repositories.postgres import operation, statements, unit_of_work
from repositories.postgres.errors import DatabaseUnavailable, Fault, OutcomeUnknown, described
from repositories.postgres.operation import CommitState, Operation
from repositories.postgres.pools import Checkout, Pool
from repositories.postgres.statements import Connection

log = structlog.get_logger()

LOCK_SECONDS = 1.0
"""Seconds that a shared unit waits for row locks: longer than a busy row is locked. A row that hangs delays the other
requests for no longer."""
PAUSE = 0.05
"""Seconds for which requests wait for the unit in progress to end, although a connection is free."""

Member = TypeVar("Member")
Result = TypeVar("Result")


class Gathering(ABC, Generic[Member, Result]):
    """Runs the units of work of many requests, each alone or together with others.

    `name` is that of the operation that runs them together, which carries at most `limit` of them. What only reads
    needs no unit of work: `in_unit` decides.
    """

    def __init__(self, name: str, pool: Pool, *, limit: int, enabled: bool = True) -> None:
        self._name = name
        self._pool = pool
        self._limit = limit
        self._enabled = enabled
        self._queue: deque[_Place[Member, Result]] = deque()
        self._waiting: set[_SharedUnit[Member, Result]] = set()
        """Shared units that wait for a connection."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = asyncio.Lock()

    @abstractmethod
    async def run_alone(self, checkout: Checkout, member: Member) -> Result:
        """Run a member as a unit of work of its own."""

    @abstractmethod
    async def run_together(self, connection: Connection, members: Sequence[Member]) -> Sequence[Result | Exception]:
        """Run members on one connection; return the result of each, or the error to raise for it."""

    async def in_unit(self, checkout: Checkout, work: Callable[[Connection], Awaitable[None]]) -> None:
        """Run members together, as `work` does, in one unit of work."""
        await unit_of_work.run(checkout, work)

    async def run_again(self, checkout: Checkout, member: Member, result: Result) -> Result:  # noqa: ARG002
        """Run a member as a unit of work of its own, which finds out if a lost COMMIT wrote `result`."""
        return await self.run_alone(checkout, member)

    async def run(self, member: Member) -> Result:
        """Run a member within the operation in progress. Raises what `run_alone` and a checkout raise."""
        if not self._enabled:
            return await self._run_alone(member)
        place: _Place[Member, Result] = _Place(member, self._pool.options.timeout)
        try:
            if await self._is_alone(place):
                async with self._turn():
                    return await self._run_alone(member)
            with self._pool.counts.wait():
                await place.taken
            left = max(place.patience(), PAUSE)
            return await place.result
        except _RolledBack:
            return await self._run_alone(member, left)
        except _CommitLost as lost:
            with unit_of_work.resolving():
                async with self._pool.checkout() as checkout:
                    return await self.run_again(checkout, member, lost.result)
        finally:
            place.leave()

    async def close(self) -> None:
        """Refuse the requests that wait for a connection, and wait for a COMMIT in flight."""
        for place in self._queue:
            place.refuse(DatabaseUnavailable("Folio is shutting down."))
        self._queue.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _is_alone(self, place: "_Place[Member, Result]") -> bool:
        """Return True if a unit of its own can begin for the request at once; otherwise it is in the queue now."""
        if not (self._queue or self._running.locked()) and self._pool.is_free():
            self._queue.append(place)
            await asyncio.sleep(0)  # requests that arrive at the same moment join the queue
            if len(self._queue) == 1 and self._queue[0] is place:
                self._queue.clear()
                return True
        else:
            self._pool.refuse_if_full()
            self._queue.append(place)
        if not place.taken.done():
            self._share(place)
        return False

    async def _run_alone(self, member: Member, seconds: float = math.inf) -> Result:
        async with self._pool.checkout(seconds) as checkout:
            return await self.run_alone(checkout, member)

    def _share(self, place: "_Place[Member, Result]") -> None:
        """Have a shared unit wait for a connection, in the share of the caller of a waiting request.

        One that waits suffices, unless its own caller has its whole share of the connections and this one has not.
        """
        if any(unit.caller == place.caller or self._pool.has_room(unit.caller) for unit in self._waiting):
            return
        unit = _SharedUnit(self._name, place)
        self._waiting.add(unit)
        task = asyncio.create_task(self._wait_and_run(unit))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _wait_and_run(self, unit: "_SharedUnit[Member, Result]") -> None:
        with operation.running(unit):
            try:
                async with self._turn(), self._pool.checkout() as checkout:
                    self._waiting.discard(unit)
                    unit.take(self._queue, self._limit)
                    self._share_rest()
                    if len(unit.places) == 1:
                        await self._run_one(checkout, unit)
                    elif unit.places:
                        await self._run_all(checkout, unit)
            except Fault as fault:
                unit.first.refuse(fault)
            finally:
                self._waiting.discard(unit)
                unit.cancel()
                self._share_rest()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for the unit in progress to end, for PAUSE at most."""
        try:
            async with asyncio.timeout(PAUSE):
                await self._running.acquire()
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            self._running.release()

    def _share_rest(self) -> None:
        while self._queue and self._queue[0].taken.done():
            self._queue.popleft()
        if self._queue:
            self._share(self._queue[0])

    async def _run_one(self, checkout: Checkout, unit: "_SharedUnit[Member, Result]") -> None:
        unit.earlier_lock_seconds = 0.0  # it delays no other request
        try:
            unit.settle([await self.run_alone(checkout, unit.places[0].member)])
        except Exception as error:  # noqa: BLE001 - the request raises it
            unit.settle([error])

    async def _run_all(self, checkout: Checkout, unit: "_SharedUnit[Member, Result]") -> None:
        results: Sequence[Result | Exception] = []

        async def work(connection: Connection) -> None:
            nonlocal results
            results = await self.run_together(connection, [place.member for place in unit.places])

        try:
            await self.in_unit(checkout, work)
        except OutcomeUnknown:
            unit.settle([result if isinstance(result, Exception) else _CommitLost(result) for result in results])
        except Exception as error:  # noqa: BLE001 - each member meets its own error when it runs alone
            log.warning("gathered requests run again singly", requests=len(unit.places), error=described(error))
            unit.settle([_RolledBack()] * len(unit.places))
        else:
            unit.settle(results)


class _RolledBack(Exception):
    """The shared unit was rolled back."""


class _CommitLost(Exception, Generic[Result]):
    """COMMIT of the shared unit was lost, and with it perhaps the result of the member."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


class _Place(Generic[Member, Result]):
    """The place of a request in the queue. A future is cancelled once its request no longer awaits it."""

    def __init__(self, member: Member, patience: float) -> None:
        loop = asyncio.get_running_loop()
        self.member = member
        self.taken: asyncio.Future[None] = loop.create_future()
        """Done once a connection has taken the request."""
        self.result: asyncio.Future[Result] = loop.create_future()
        self.operation = operation.current() or Operation("")
        self._give_up_at = loop.time() + patience

    @property
    def caller(self) -> Hashable | None:
        """The caller of the request."""
        return self.operation.caller

    def patience(self) -> float:
        """Seconds for which the request still waits for a connection."""
        return self._give_up_at - asyncio.get_running_loop().time()

    def remaining(self) -> float:
        """Seconds until the request's deadline; 0 if it was cancelled."""
        return 0.0 if self.result.done() else self.operation.remaining()

    def leave(self) -> None:
        """Leave the queue, or the unit of work."""
        self.taken.cancel()
        self.result.cancel()

    def refuse(self, fault: Fault) -> None:
        """Refuse a request for which no connection became free, if it still waits."""
        if not self.taken.done():
            self.taken.set_exception(fault)

    def settle(self, result: "Result | Exception") -> None:
        """Give the request its result, or the error to raise."""
        if self.result.done():
            return
        if isinstance(result, Exception):
            self.result.set_exception(result)
        else:
            self.result.set_result(result)


class _SharedUnit(Operation, Generic[Member, Result]):
    """The unit of work of several requests. Its COMMIT is theirs, and it ends at the first of their deadlines."""

    def __init__(self, name: str, first: _Place[Member, Result]) -> None:
        super().__init__(name, caller=first.caller)
        self.first = first
        """The request on whose behalf it waits for a connection."""
        self.places: list[_Place[Member, Result]] = []
        self.earlier_lock_seconds = statements.LOCK_SECONDS - LOCK_SECONDS

    @property
    def carries(self) -> int:
        """The number of requests."""
        return len(self.places)

    def take(self, queue: deque[_Place[Member, Result]], limit: int) -> None:
        """Take the first requests of the queue that still wait."""
        while queue and len(self.places) < limit:
            place = queue.popleft()
            if not place.taken.done():
                place.taken.set_result(None)
                self.places.append(place)

    def settle(self, results: "Sequence[Result | Exception]") -> None:
        """Give each request its result."""
        for place, result in zip(self.places, results, strict=True):
            place.operation.sql_seconds += self.sql_seconds
            place.operation.earlier_lock_seconds += self.lock_seconds - self.earlier_lock_seconds
            place.settle(result)

    def cancel(self) -> None:
        """Cancel the requests that have no result, because the process ends."""
        for place in self.places:
            place.result.cancel()

    def remaining(self) -> float:
        """Seconds until the first deadline; before it has a connection, until `first` gives up waiting."""
        if self.places:
            return min(place.remaining() for place in self.places)
        return max(0.0, self.first.patience())

    def change_commit(self, before: CommitState, after: CommitState) -> bool:
        """Change the state of COMMIT for each request, too."""
        for place in self.places:
            place.operation.change_commit(before, after)
        return super().change_commit(before, after)
