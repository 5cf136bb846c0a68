"""Root blockers: the sessions that keep checked-out connections waiting, in GET /ops/pools."""

import asyncio
from contextlib import closing

import httpx
import psycopg

from tests.harness.world import Person, World
from tests.repositories.postgres.pools.conftest import read_pool

PATIENCE_SECONDS = 60


async def test_the_root_of_a_queue_is_shown_and_the_requests_in_it_are_not(
    client: httpx.AsyncClient, world: World, databases: dict[str, str]
) -> None:
    """The second request waits for the first, which waits for the session that is shown, with the SQL that ends it."""
    root = await world.person("root", role="operator")
    account = await world.account(root)
    with closing(psycopg.connect(databases["main"], application_name="forgotten")) as locker:
        locker.execute("SELECT id FROM accounts WHERE id = %s FOR UPDATE", (account,))
        change = {"name": "Other"}
        requests = [
            asyncio.create_task(client.patch(f"/accounts/{account}", json=change, headers=root.headers))
            for _ in range(2)
        ]
        blocked_by = await waiting(client, root, 2)
        pid = locker.info.backend_pid
        assert sorted(map(len, blocked_by)) == [1, 1]
        assert [pid] in blocked_by
        assert [pid] * 2 != [*blocked_by[0], *blocked_by[1]]  # one request waits for the other
        [blocker] = (await read_pool(client, root))["blockers"]
        assert (blocker["backend_pid"], blocker["username"]) == (pid, locker.info.user)
        assert (blocker["application"], blocker["database"]) == ("forgotten", locker.info.dbname)
        assert (blocker["state"], blocker["statement"][:20]) == ("idle in transaction", "SELECT id FROM accou")
        assert blocker["transaction_ms"] >= blocker["state_ms"] > 0
        assert blocker["remedy"] == f"SELECT pg_terminate_backend({pid});"
        assert (await read_pool(client, root, "catalog"))["blockers"] == []
        assert await world.value(blocker["remedy"].strip(";"))
        assert [answer.status_code for answer in await asyncio.gather(*requests)] == [200, 200]
    assert (await read_pool(client, root))["blockers"] == []


async def waiting(client: httpx.AsyncClient, operator: Person, count: int) -> list[list[int]]:
    """Wait until so many checked-out connections are blocked, and return by which backends."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            blocked_by = [held["blocked_by"] for held in (await read_pool(client, operator))["holders"]]
            if sum(map(bool, blocked_by)) == count:
                return blocked_by
            await asyncio.sleep(0.05)
