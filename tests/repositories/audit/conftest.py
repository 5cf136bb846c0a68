"""Fixtures of the audit's tests."""

import httpx
import pytest

from tests.harness.world import Connection, World
from tests.repositories.audit.books import Books


@pytest.fixture
async def books(client: httpx.AsyncClient, world: World, catalog: Connection) -> Books:
    return await Books(client, world, catalog).open()
