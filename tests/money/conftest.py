"""Money is tested with all connections of the pool open: who waits for one races with nobody."""

import pytest
from fastapi import FastAPI

from api.settings import Settings


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """As many connections at the least as at the most."""
    monkeypatch.setenv("FOLIO_MAIN_POOL_MIN_SIZE", str(settings.pool("main").max_size))
    return settings


@pytest.fixture
async def app(app: FastAPI) -> FastAPI:
    """The application, once they are open."""
    await app.state.databases["main"]._pool.wait(timeout=60)
    return app
