"""Leases and request counts: rows that many processes change at once, each in one statement."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from repositories import leases, request_counts
from repositories.leases import LeaseRepository
from repositories.postgres import connections
from repositories.postgres.statements import Connection, Statement
from repositories.request_counts import Count, RequestCountRepository
from tests.harness.variants import without
from tests.harness.world import World

CONNECTIONS = 8
Test = Callable[[list[Connection], World], Awaitable[None]]
OTHERS = "SELECT count(*) FROM request_counts WHERE address <> 'user 1'"


@pytest.fixture
async def sessions(databases: dict[str, str]) -> AsyncIterator[list[Connection]]:
    """Connections of as many processes."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(connections.connect(databases["main"], purpose="test"))
            for _ in range(CONNECTIONS)
        ]


async def _count(sessions: list[Connection]) -> list[Count]:
    return await asyncio.gather(
        *(RequestCountRepository(session).add(kind="payee", source="user 1") for session in sessions)
    )


async def _take(sessions: list[Connection], name: str) -> int:
    return sum(await asyncio.gather(*(LeaseRepository(session).take(name=name, seconds=60) for session in sessions)))


async def test_every_request_is_counted(sessions: list[Connection], world: World) -> None:
    """Requests that begin a minute at once are 1, 2, …: in the first minute, and after each one that is over."""
    for _ in range(10):
        counts = await _count(sessions)
        assert sorted(count.count for count in counts) == list(range(1, CONNECTIONS + 1))
        assert {count.seconds_left for count in counts} <= {59, 60}
        assert (await _count(sessions[:1]))[0].count == CONNECTIONS + 1
        await world.connection.execute("UPDATE request_counts SET window_ends_at = clock_timestamp()")


async def test_old_counters_are_deleted(sessions: list[Connection], world: World) -> None:
    """Ten with each request, a minute after they are over."""
    await world.connection.execute(
        "INSERT INTO request_counts (kind, address, count, window_ends_at)"
        " SELECT 'payee', 'user ' || n, 1, clock_timestamp() - (n - 2.5) * interval '1 minute'"
        " FROM generate_series(2, 20) AS n"
    )
    await _count(sessions[:1])
    assert await world.value(OTHERS) == 9
    await _count(sessions[:1])
    assert await world.value(OTHERS) == 2


async def test_one_process_takes_a_lease(sessions: list[Connection], world: World) -> None:
    """A new lease, and one that has expired; another one is not taken."""
    for _ in range(10):
        assert await _take(sessions, "audit") == 1
        assert await _take(sessions, "audit") == 0
        await world.connection.execute("UPDATE leases SET leased_until = clock_timestamp()")


@pytest.mark.parametrize(
    ("statement", "clause", "test"),
    [
        (request_counts.ADD, " + 1", test_every_request_is_counted),
        (leases.TAKE, "AND leased_until <= statement_timestamp()", test_one_process_takes_a_lease),
    ],
    ids=["no addition", "no end of a lease"],
)
async def test_a_statement_without_its_clause_is_found(
    statement: Statement,
    clause: str,
    test: Test,
    sessions: list[Connection],
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control."""
    without(monkeypatch, statement, clause)
    with pytest.raises(AssertionError):
        await test(sessions, world)
