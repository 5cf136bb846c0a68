"""A headless Chromium, Debian's own, and what a person sees and does in it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By

from tests.harness.launcher import PATIENCE
from tests.harness.processes import until

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # a container's is too small
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


@contextmanager
def chromium() -> Iterator[Chrome]:
    """Run a browser with an empty profile; with both paths given, selenium looks for nothing elsewhere."""
    assert CHROMIUM is not None
    assert DRIVER is not None
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, *(("--no-sandbox",) if os.geteuid() == 0 else ())):
        options.add_argument(flag)
    with tempfile.TemporaryDirectory(prefix="folio-chromium-", ignore_cleanup_errors=True) as profile:
        options.add_argument(f"--user-data-dir={profile}")
        browser = Chrome(options, ChromeService(DRIVER))
        try:
            browser.set_page_load_timeout(PATIENCE)
            browser.set_script_timeout(PATIENCE)
            yield browser
        finally:
            browser.quit()


class Page:
    """The operators' page of one service, as a person has it before them."""

    def __init__(self, browser: Chrome, address: str) -> None:
        self.browser = browser
        self._address = address

    def open(self, *, width: int = 1280, dark: bool = False) -> None:
        """Load it afresh, on a screen of this width."""
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.browser.get(f"{self._address}/ops")
        self.complaints()

    def sign_in(self, key: str) -> None:
        """Give a key, and send it as the keyboard does."""
        self.browser.find_element(By.ID, "key").send_keys(key, "\n")

    def text(self, selector: str) -> str:
        """Return what is to be read in an element: nothing where it is hidden."""
        shown = "const at = document.querySelector(arguments[0]); return at?.checkVisibility() ? at.innerText : ''"
        return str(self.run(shown, selector))

    def see(self, selector: str, *words: str) -> str:
        """Wait until all these words are to be read in an element, and return all of its text."""
        until(lambda: all(word in self.text(selector) for word in words))
        return self.text(selector)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.browser.execute_script(script, *arguments)

    def reach(self, *, online: bool) -> None:
        """Cut the browser's network, or mend it."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        conditions = {"offline": not online, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    def complaints(self) -> list[str]:
        """Return what the console said since the last time, but for answers that were refusals."""
        entries = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [str(entry["message"]) for entry in entries if entry["source"] != "network"]
