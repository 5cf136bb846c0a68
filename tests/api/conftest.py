"""A browser for the tests of pages."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.harness.browser import CHROMIUM, DRIVER, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    """One browser for all tests of a process: a reloaded page keeps no state."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("there is no Chromium here: apt-get install chromium chromium-driver")
    with chromium() as running:
        yield running
