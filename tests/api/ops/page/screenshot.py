"""Take the README's pictures of the operators' page: `python -m tests.api.ops.page.screenshot`, in about two minutes.

The service has an embedded PostgreSQL and a light load; another session locks an account several times.
"""

import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from repositories.embedded import EmbeddedServer
from tests.api.ops.page.browser import Page
from tests.harness import REPOSITORY
from tests.harness.browser import chromium
from tests.harness.processes import Service, command, printed, service

DOCS = REPOSITORY / "docs"
LOAD_SECONDS = 75.0
"""Seconds of load before the pictures are taken: the time that the plots show."""
CLIENTS = 6


def main() -> None:
    """Write docs/ops.png, docs/ops-dark.png and docs/ops-narrow.png."""
    with tempfile.TemporaryDirectory(prefix="folio-screenshot-") as folder:
        settings = {"FOLIO_DATA_DIR": folder, "FOLIO_LOG_FORMAT": "json", "FOLIO_POOL_SOFT_LIMIT": "1"}
        with service(settings) as folio, chromium() as browser:
            key = printed(command("operator", "add", "bank", "--json", settings=settings))["api_key"]
            page = Page(browser, str(folio.http.base_url).rstrip("/"))
            page.open()
            page.sign_in(key)
            page.see("#workers", "in use")
            page.run("document.getElementById('run-audit').click()")
            payer, payee = (open_account(folio, key, name) for name in ("Outside world", "Everyday"))
            main_database = EmbeddedServer(Path(folder)).conninfo("folio_main")
            with paying(folio, key, {"from_account_id": payer, "to_account_id": payee, "amount": 5}):
                for seconds in (0.5, 1.5, 0.2):
                    time.sleep(LOAD_SECONDS / 4)
                    with locked(main_database, payer):
                        time.sleep(seconds)
                time.sleep(LOAD_SECONDS / 4)
                with locked(main_database, payer):
                    page.see("#workers table", "overdue", "Lock")
                    page.see("#blockers", "idle in transaction")
                    for name, width, dark in (
                        ("ops", 1280, False),
                        ("ops-dark", 1280, True),
                        ("ops-narrow", 375, False),
                    ):
                        page.screen(width=width, height=1200, dark=dark)
                        page.browser.save_screenshot(str(DOCS / f"{name}.png"))


def open_account(folio: Service, key: str, name: str) -> int:
    """Open an account without a minimum, and return its id."""
    account: int = folio.request("POST", "/accounts", key, json={"name": name, "currency": "EUR"}).json()["id"]
    folio.request("PATCH", f"/accounts/{account}", key, json={"minimum": None})
    return account


@contextmanager
def locked(main_database: str, account: int) -> Iterator[None]:
    """Keep an account locked, like a forgotten psql session."""
    with psycopg.connect(main_database, application_name="psql") as locker:
        locker.execute("SELECT id FROM accounts WHERE id = %s FOR UPDATE", (account,))
        yield


@contextmanager
def paying(folio: Service, key: str, order: dict[str, Any]) -> Iterator[None]:
    """Run clients that pay and read until the context ends."""
    end = threading.Event()
    clients = [threading.Thread(target=pay, args=(folio, key, order, end, number)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        end.set()
        for client in clients:
            client.join()


def pay(folio: Service, key: str, order: dict[str, Any], end: threading.Event, number: int) -> None:
    """Pay and read until the end."""
    with httpx.Client(base_url=folio.http.base_url, headers={"Authorization": f"Bearer {key}"}, timeout=15) as http:
        while not end.wait(0.05 * (number + 1)):
            http.post("/transfers", json=order, headers={"Idempotency-Key": uuid.uuid4().hex})
            http.get("/transfers?limit=5")
            http.get("/products")


if __name__ == "__main__":
    main()
