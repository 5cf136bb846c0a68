"""A browser for the tests of this folder, and the page before it."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.api.ops.page.browser import CHROMIUM, DRIVER, Page, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    """One browser for all tests of a process: a page that is loaded anew remembers nothing."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("there is no Chromium here: apt-get install chromium chromium-driver")
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Chrome, address: str) -> Iterator[Page]:
    """The page of the application, loaded; afterwards, nothing was complained of in the console."""
    opened = Page(browser, address)
    opened.open()
    yield opened
    assert opened.complaints() == []
