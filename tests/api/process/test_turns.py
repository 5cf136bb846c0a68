"""Turns: one at a time for each caller, a few for all, and nothing is lost when a wait ends."""

import asyncio

import pytest

from api.process.turns import Turns
from repositories.postgres import operation
from repositories.postgres.errors import Fault
from repositories.postgres.operation import Operation


class Worker:
    """A request that takes a turn and ends it when told to."""

    def __init__(self, turns: Turns, caller: str, seconds: float = 30.0) -> None:
        self.started, self.finish = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._work(turns, caller, seconds))

    async def _work(self, turns: Turns, caller: str, seconds: float) -> None:
        with operation.running(Operation("work", caller=caller)):
            async with turns.turn(seconds):
                self.started.set()
                await self.finish.wait()

    async def end(self) -> None:
        self.finish.set()
        await self.task


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_caller_has_one_turn_and_all_together_have_the_limit() -> None:
    """A caller with many requests keeps another one waiting for one turn at most."""
    turns = Turns("batches", 1)
    first, second, other = Worker(turns, "ada"), Worker(turns, "ada"), Worker(turns, "bob")
    await settle()
    assert [worker.started.is_set() for worker in (first, second, other)] == [True, False, False]
    await first.end()
    await settle()
    assert [worker.started.is_set() for worker in (second, other)] == [False, True], "bob has waited longer"
    await other.end()
    await second.end()
    roomy = Turns("batches", 3)
    workers = [Worker(roomy, caller) for caller in ("ada", "ada", "bob", "eve")]
    await settle()
    assert [worker.started.is_set() for worker in workers] == [True, False, True, True]
    for worker in workers:
        await worker.end()


@pytest.mark.parametrize("caller", ["ada", "bob"])
async def test_a_wait_that_ends_takes_no_turn_with_it(caller: str) -> None:
    """After a timeout or a cancellation, the next request gets the turn."""
    turns = Turns("batches", 1)
    first = Worker(turns, "ada")
    await first.started.wait()
    with pytest.raises(Fault, match="Too many batches are waiting") as raised:
        await Worker(turns, caller, seconds=0.01).task
    assert raised.value.code == "overloaded"
    cancelled = Worker(turns, caller)
    await settle()
    cancelled.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled.task
    await first.end()
    await asyncio.wait_for(Worker(turns, caller).started.wait(), 30)
