"""Fixtures of this folder: a browser, and the page in it."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.api.ops.page.browser import CHROMIUM, DRIVER, Page, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    """One browser for all tests of a process: a reloaded page keeps no state."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("there is no Chromium here: apt-get install chromium chromium-driver")
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Chrome, address: str) -> Iterator[Page]:
    """The loaded page of the application; fails the test if the console has an error at its end."""
    opened = Page(browser, address)
    opened.open()
    yield opened
    assert opened.console_errors() == []
