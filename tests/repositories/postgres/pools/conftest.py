"""A service with small pools."""

from typing import Any

import httpx
import pytest

from api.process.settings import Settings
from tests.harness.world import Person, World


@pytest.fixture
def timeout() -> int:
    """Seconds that a request waits for a connection: long, for a busy machine. A test of the limit sets its own."""
    return 30


@pytest.fixture
def soft_limit() -> float:
    """Seconds after which a checked-out connection is overdue. A test of the limit sets its own."""
    return 60


@pytest.fixture
def settings(served: dict[str, str], timeout: int, soft_limit: float, monkeypatch: pytest.MonkeyPatch) -> Settings:
    # The clients of these tests have one address, and exhaust the pool together.
    options = {"MIN_SIZE": 1, "MAX_SIZE": 2, "TIMEOUT": timeout, "MAX_WAITING": 3, "SOFT_LIMIT": soft_limit}
    options["SHARE_PER_CALLER"] = 1
    for name, value in options.items():
        monkeypatch.setenv(f"FOLIO_POOL_{name}", str(value))
    return Settings(
        main_database_url=served["main"],
        catalog_database_url=served["catalog"],
        requests_per_caller=0,
        sweep_interval=3600,
        audit_interval=0,
    ).model_copy(update={"request_timeout": 60.0})


@pytest.fixture
async def operator(world: World) -> Person:
    return await world.person("operator", role="operator")


async def read_pool(client: httpx.AsyncClient, operator: Person, database: str = "main") -> dict[str, Any]:
    """Return one pool as GET /ops/pools shows it."""
    answer = await client.get("/ops/pools", headers=operator.headers)
    assert answer.status_code == 200, answer.text
    pools: list[dict[str, Any]] = answer.json()["pools"]
    return next(pool for pool in pools if pool["database"] == database)
