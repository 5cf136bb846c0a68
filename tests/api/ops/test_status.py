"""The status of a service with several workers."""

import httpx

from tests.harness.processes import service
from tests.harness.world import World


async def test_the_slowest_routes_are_those_of_all_workers(served: dict[str, str], world: World) -> None:
    """Each worker shows the requests of both workers."""
    root = await world.person("root", role="operator")
    settings = {"FOLIO_MAIN_DATABASE_URL": served["main"], "FOLIO_CATALOG_DATABASE_URL": served["catalog"]}
    with service(settings | {"FOLIO_POOL_MIN_SIZE": "1"}, "--workers", "2") as folio:
        counts: dict[int, int] = {}
        sent = 0
        while len(counts) < 2:
            # With a new connection, either worker may answer.
            async with httpx.AsyncClient(base_url=folio.http.base_url, headers=root.headers, timeout=30) as http:
                sent += 1
                (await http.get("/users/me")).raise_for_status()
                status = (await http.get("/ops/status")).raise_for_status().json()
            [count] = [route["requests"] for route in status["slowest_routes"] if route["route"] == "/users/me"]
            assert count == sent
            counts[status["worker_pid"]] = count
            assert sent < 200, "one worker answers every request"
