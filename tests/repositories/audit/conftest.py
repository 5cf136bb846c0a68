"""Fixtures of the audit's tests."""

import httpx
import pytest
from fastapi import FastAPI

from repositories.audit import invariants, reconciliation, sellers
from tests.harness.world import Connection, World
from tests.repositories.audit.books import Books


@pytest.fixture
async def books(app: FastAPI, client: httpx.AsyncClient, world: World, catalog: Connection) -> Books:
    return await Books(client, world, catalog, app).open()


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices and pages of one row: they end between the entries of an account."""
    monkeypatch.setattr(invariants, "SLICE_SIZE", 1)
    monkeypatch.setattr(reconciliation, "PAGE_SIZE", 1)
    monkeypatch.setattr(sellers, "PAGE_SIZE", 1)
