"""Fixtures of the API's tests: a client whose answers must be documented, and a browser for pages."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI
from selenium.webdriver import Chrome

from tests.harness.browser import CHROMIUM, DRIVER, chromium
from tests.harness.conformance import undocumented


@pytest.fixture
async def client(app: FastAPI, client: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key. At the end, every answer that it got must be documented."""
    surprises: set[str] = set()

    async def compare(answer: httpx.Response) -> None:
        await answer.aread()
        surprises.update(undocumented(app, answer))

    client.event_hooks = {"response": [compare]}
    yield client
    assert sorted(surprises) == []


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    """One browser for all tests of a process: each has an origin of its own, and so its own storage."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("there is no Chromium here: apt-get install chromium chromium-driver")
    with chromium() as running:
        yield running
