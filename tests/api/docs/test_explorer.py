"""/docs in a browser that reaches nothing but Folio."""

import re

import httpx
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.harness.browser import console_errors
from tests.harness.processes import until
from tests.harness.world import World


async def test_the_page_and_its_files_come_from_folio_under_a_strict_policy(client: httpx.AsyncClient) -> None:
    """No third party, no inline script; a reader that has a file gets 304."""
    page = await client.get("/docs")
    links = re.findall(r'(?:href|src)="(.*?)"', page.text)
    assert "docs/files/swagger-ui-bundle.js" in links
    assert not re.search(r"<script>|\son\w+=|style=|https?://", page.text)
    for path in ["docs", *links]:
        answer = await client.get(f"/{path}")
        assert answer.status_code == 200, path
        if path.startswith("docs"):
            policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
            assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == (
                "'none'",
                "'self'",
                "'self'",
            )
            assert not re.search(r"unsafe|https?:|\*", answer.headers["Content-Security-Policy"])
        again = await client.get(f"/{path}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert (await client.get("/docs/files/nothing.js")).status_code == 404


async def test_a_reader_without_the_internet_tries_a_request(browser: Chrome, address: str, world: World) -> None:
    """The page shows every operation; a request with a key is sent and its answer shown, and nothing else is loaded."""
    ada = await world.person("ada")
    browser.get(f"{address}/docs#/users/get_me")
    console_errors(browser)
    until(lambda: len(browser.find_elements(By.CSS_SELECTOR, ".opblock")) >= 46)
    assert "Folio" in browser.find_element(By.CSS_SELECTOR, ".info .title").text

    browser.find_element(By.CSS_SELECTOR, ".btn.authorize").click()
    field = ".auth-container input"
    until(lambda: browser.find_elements(By.CSS_SELECTOR, field))
    browser.find_element(By.CSS_SELECTOR, field).send_keys(ada.api_key)
    browser.find_element(By.CSS_SELECTOR, ".auth-btn-wrapper .authorize").click()
    browser.find_element(By.CSS_SELECTOR, ".auth-btn-wrapper .btn-done").click()
    operation = "[id='operations-users-get_me']"
    until(lambda: browser.find_elements(By.CSS_SELECTOR, f"{operation} .execute"))
    browser.execute_script(f'document.querySelector("{operation} .execute").click()')
    answer = f"{operation} .live-responses-table .response"
    until(lambda: browser.find_elements(By.CSS_SELECTOR, answer))
    shown = browser.find_element(By.CSS_SELECTOR, answer).text
    assert "200" in shown
    assert '"username": "ada"' in shown

    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert f"{address}/openapi.json" in loaded
    assert [url for url in loaded if not url.startswith((address, "data:"))] == []
    assert console_errors(browser) == []
