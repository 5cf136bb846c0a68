"""The page in a browser."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.api.ops.page.browser import Page


@pytest.fixture
def page(browser: Chrome, address: str) -> Iterator[Page]:
    """The loaded page of the application; fails the test if the console has an error at its end."""
    opened = Page(browser, address)
    opened.open()
    yield opened
    assert opened.console_errors() == []
