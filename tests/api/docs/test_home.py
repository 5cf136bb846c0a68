"""The home page."""

import re

import httpx

from tests.harness.expect import found

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_home_names_the_service_and_leads_on(client: httpx.AsyncClient) -> None:
    """JSON by default, a page in a browser; each link leads to an answer."""
    home = found(await client.get("/"))
    assert home == {"name": "Folio", "version": "0.1.0", "docs": "/docs", "ops": "/ops", "openapi": "/openapi.json"}
    page = await client.get("/", headers=BROWSER)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Vary"] == "Accept"
    links = re.findall(r'href="(.*?)"', page.text)
    assert len(links) >= 6
    for link in links:
        assert (await client.get(str(page.request.url.join(link)))).status_code == 200, link


async def test_load_balancers_may_check_with_options(client: httpx.AsyncClient) -> None:
    """`OPTIONS /` is 204 with the methods; any other method is 405 with the same."""
    options = await client.request("OPTIONS", "/")
    assert (options.status_code, options.content, options.headers["Allow"]) == (204, b"", "GET, HEAD, OPTIONS")
    refused = await client.post("/")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (await client.head("/")).status_code == 200
