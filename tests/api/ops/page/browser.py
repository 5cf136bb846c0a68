"""The operators' page in a browser."""

from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.harness import browser as harness
from tests.harness.processes import until


class Page:
    """The operators' page of one service."""

    def __init__(self, browser: Chrome, address: str) -> None:
        self.browser = browser
        self.address = f"{address}/ops"

    def open(self, *, width: int = 1280, dark: bool = False) -> None:
        """Load the page signed out, on a screen of this width, and clear the console."""
        self.screen(width=width, height=900, dark=dark)
        self.browser.get(self.address)
        if self.run("const { length } = sessionStorage; sessionStorage.clear(); return length"):
            self.browser.refresh()
        self.console_errors()

    def screen(self, *, width: int, height: int, dark: bool) -> None:
        """Show the page on a screen of this size."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def unfold(self) -> None:
        """Open all folded parts."""
        self.run("document.querySelectorAll('details').forEach((details) => { details.open = true })")

    def sign_in(self, key: str) -> None:
        """Type a key and press Enter."""
        self.browser.find_element(By.ID, "key").send_keys(key, "\n")

    def text(self, selector: str) -> str:
        """Return the text of an element; empty if the element is hidden or absent."""
        script = "const at = document.querySelector(arguments[0]); return at?.checkVisibility() ? at.innerText : ''"
        return str(self.run(script, selector))

    def see(self, selector: str, *words: str) -> str:
        """Wait until an element shows all these words, and return its text."""
        until(lambda: all(word in self.text(selector) for word in words))
        return self.text(selector)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.browser.execute_script(script, *arguments)

    def reach(self, *, online: bool) -> None:
        """Connect the browser's network, or disconnect it."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        conditions = {"offline": not online, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    def console_errors(self) -> list[str]:
        """Return the console's messages since the last call, except those about HTTP errors."""
        return harness.console_errors(self.browser)
