"""The status of a service with several workers."""

import httpx

from tests.harness.processes import service
from tests.harness.world import World


async def test_the_slowest_routes_are_those_of_all_workers(served: dict[str, str], world: World) -> None:
    """Whichever worker answers has counted with the others: every request is there, by both workers' count."""
    root = await world.person("root", role="operator")
    settings = {"FOLIO_MAIN_DATABASE_URL": served["main"], "FOLIO_CATALOG_DATABASE_URL": served["catalog"]}
    with service(settings | {"FOLIO_POOL_MIN_SIZE": "1"}, "--workers", "2") as folio:
        seen: dict[int, int] = {}
        asked = 0
        while len(seen) < 2:
            # A connection of its own: any worker may take it.
            async with httpx.AsyncClient(base_url=folio.http.base_url, headers=root.headers, timeout=30) as http:
                asked += 1
                (await http.get("/users/me")).raise_for_status()
                status = (await http.get("/ops/status")).raise_for_status().json()
            [counted] = [found["requests"] for found in status["slowest_routes"] if found["route"] == "/users/me"]
            assert counted == asked
            seen[status["worker_pid"]] = counted
            assert asked < 200, "one worker takes everything"
