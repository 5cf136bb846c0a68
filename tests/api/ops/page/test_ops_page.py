"""The operators' page in Chromium, against a real service."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from api.ops import status
from api.process.service import service_of
from api.process.settings import Settings
from repositories.audit import run
from tests.api.ops.page.browser import Page
from tests.harness.launcher import PATIENCE
from tests.harness.processes import until
from tests.harness.tail import Tail, tailing
from tests.harness.world import Connection, Person, World

HOSTILE = "<img src=x onerror=\"document.title = 'taken over'\">"
POLLS = "return performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/ops/pools')).length"
CONTRAST = Path(__file__).with_name("contrast.js").read_text()


@pytest.fixture
async def root(world: World) -> Person:
    """An operator."""
    return await world.person("root", role="operator")


@pytest.fixture
def board(page: Page, root: Person, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The page after an operator signed in; it shows all routes, since earlier tests had slower ones."""
    monkeypatch.setattr(status, "MAX_ITEMS", 1000)
    page.sign_in(root.api_key)
    page.see("#workers", "main", "catalog")
    page.see("#versions", "Folio")
    return page


@contextmanager
def request_that_waits(address: str, main: str, person: Person, account: int) -> Iterator[int]:
    """Keep a request waiting, with its connection, for a lock of another session; yield that session's backend PID."""
    with ThreadPoolExecutor(1) as pool, psycopg.connect(main) as locker:
        locker.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", (account,))
        change = {"name": "Other"}
        path = f"{address}/accounts/{account}"
        pending = pool.submit(httpx.patch, path, json=change, headers=person.headers, timeout=PATIENCE)
        try:
            yield locker.info.backend_pid
            assert not pending.done()
        finally:
            locker.rollback()
        assert pending.result().status_code == 200


async def test_a_wrong_key_shows_an_error_and_nothing_else(page: Page) -> None:
    """The form shows the reason, and the field has the focus again."""
    for key, reason in (("folio_wrong", "malformed"), ("clé", "only ASCII letters")):
        page.open()
        page.sign_in(key)
        page.see("#key-error", reason)
        assert page.text("#board") == ""
        assert page.run("return document.activeElement.id") == "key"


async def test_a_members_key_shows_an_error_and_nothing_else(page: Page, world: World) -> None:
    """The form shows the detail of 403 `operator_required`."""
    page.sign_in((await world.person("ada")).api_key)
    page.see("#key-error", "Only an operator may do this.")
    assert page.text("#board") == ""


async def test_an_operator_sees_both_pools_and_the_service(board: Page) -> None:
    """The page has numbers, a plot and its caption for each pool, and routes, purchases, versions and migrations."""
    board.unfold()
    for name in ("main", "catalog"):
        board.see(f"[aria-label='Pool {name}']", "of 4 in use", "0 waiting", "Wait timeouts", "In the last minute: ")
        plot = f"[aria-label^='Pool {name}. In the last minute']"
        until(lambda plot=plot: "V" in board.run(f'return document.querySelector("{plot} path.line.used").outerHTML'))  # type: ignore[misc]
    board.see("#workers", "Pools of worker", "No connection is checked out.")
    board.see("#routes", "GET /ops/pools", "p95")
    board.see("#purchases-summary", "0 pending, 0 decided")
    board.see("#audit-result", "No audit has run yet")
    board.see("#versions", "Folio 0.1.0 on Python 3.")
    board.see("#migrations", "0001_users.sql", "0001_products.sql")
    assert board.text("#databases").count("ready") == 2
    board.see("#state", "All well")
    board.see("#updated", "Last update", "s ago")


async def test_each_worker_has_its_own_section_and_its_advice_is_shown(board: Page) -> None:
    """Plots of two workers are never mixed, and advice is shown as text. A patched fetch adds the second worker."""
    first = board.text("#workers h2")
    board.run(
        """
        const fetch = window.fetch;
        window.fetch = async (...request) => {
          const body = await (await fetch(...request)).json();
          body.worker_pid += 1;
          body.pools?.forEach((pool) => { pool.in_use = 3; pool.advice = arguments[0]; });
          return Response.json(body);
        };
        """,
        {"min_size": 1, "max_size": 6, "why": HOSTILE},
    )
    other = f"[aria-labelledby='worker-{int(first.split()[-1]) + 1}']"
    board.see(other, "3 of 4 in use", f"Recommended: minimum 1, maximum 6. {HOSTILE}", "One of 2 workers")
    board.see(f"[aria-labelledby='worker-{first.split()[-1]}']", "0 of 4 in use", "One of 2 workers")


async def test_a_checked_out_connection_is_shown_and_called_overdue_after_the_soft_limit(
    world: World, databases: dict[str, str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row has the route, the backend, the file that runs, the lock it waits for and the backend that has it."""
    monkeypatch.setenv("FOLIO_POOL_SOFT_LIMIT", "5")
    address = request.getfixturevalue("address")
    root = await world.person("root", role="operator")
    account = await world.account(root)
    page: Page = request.getfixturevalue("page")
    page.sign_in(root.api_key)
    with request_that_waits(address, databases["main"], root, account) as blocker:
        shown = page.see("#workers table", "PATCH /accounts/{id}", "main/accounts/lock_pair", "Lock: ", f"{blocker}")
        backend = await world.value("SELECT pid FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", blocker)
        assert f"{backend}" in shown
        page.see("#workers table", "overdue: ")
        page.see("[aria-label='Pool main']", "1 of 4 in use")
        page.see("#state", "Trouble: ", "a session blocks main", "a connection to main is overdue")
    page.see("#workers", "No connection is checked out.")
    page.see("#state", "All well")


async def test_a_session_that_blocks_others_is_shown_with_the_statement_that_ends_it(
    address: str, board: Page, root: Person, world: World, databases: dict[str, str]
) -> None:
    """The button copies the statement; once it ran, the session is shown no longer. Text in it stays text."""
    account = await world.account(root)
    assert board.text("#blockers") == ""
    connecting = psycopg.connect(databases["main"], application_name=HOSTILE[:60])
    with ThreadPoolExecutor(1) as pool, closing(connecting) as locker:
        locker.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", (account,))
        path = f"{address}/accounts/{account}"
        pending = pool.submit(httpx.patch, path, json={"name": "x"}, headers=root.headers, timeout=PATIENCE)
        pid, user = locker.info.backend_pid, locker.info.user
        remedy = f"SELECT pg_terminate_backend({pid});"
        facts = [f"PID {pid} blocks main", user, HOSTILE[:60], "idle in transaction for", "FROM accounts", remedy]
        board.see("#blockers", *facts)
        # A browser without a screen has no clipboard.
        board.run("navigator.clipboard.writeText = async (text) => { window.copied = text }")
        board.browser.find_element(By.CSS_SELECTOR, "#blockers .copy").click()
        board.see("#blockers .copy", "Copied")
        assert board.run("return window.copied") == remedy
        polls = board.run(POLLS)
        until(lambda: board.run(POLLS) > polls + 1)
        assert board.run("return getSelection().toString()") == remedy  # a poll leaves the selection alone
        await world.value(remedy.strip(";"))
        assert pending.result().status_code == 200
    until(lambda: board.text("#blockers") == "")


async def test_rates_are_shown_beside_latency_and_unknown_paths_are_labelled(address: str, board: Page) -> None:
    """Requests and errors per second are differences between two answers; an error is trouble."""
    board.see("#traffic", "requests and 0 errors per second in the last")
    async with httpx.AsyncClient(base_url=address) as http:
        await http.get("/nothing")
    board.see("#routes", "GET, paths without a route", "Requests/s", "Errors/s")
    board.run(
        """
        const fetch = window.fetch;
        let errors = 0;
        window.fetch = async (...request) => {
          const answer = await fetch(...request);
          if (!`${request[0]}`.endsWith("/ops/status")) return answer;
          const body = await answer.json();
          body.traffic.errors += errors += 50;
          return Response.json(body);
        };
        """
    )
    board.see("#state", "Trouble: requests fail.")


async def test_the_button_runs_an_audit_and_shows_its_result(
    board: Page, sql: Connection, world: World, databases: dict[str, str]
) -> None:
    """The result is "all ok", or the violated check with a row of it; a second click starts no second audit."""
    board.run("document.getElementById('run-audit').click()")
    board.see("#audit-result", f"{len(run.NAMES)} checks", "all ok")
    assert "main/sum_zero" not in board.text("#audit")  # folded
    board.unfold()
    board.see("#audit", "main/sum_zero")
    assert "violated" not in board.text("#audit")
    with psycopg.connect(databases["main"]) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("INSERT INTO entries VALUES (1, 2, 1, 5, 105, clock_timestamp())")
    await sql.execute("BEGIN")
    await sql.execute("LOCK TABLE audits")
    button = "const button = document.getElementById('run-audit');"
    board.run(f"{button} button.click(); button.click()")
    board.see("#audit-result", "The audit is running.")
    assert board.run(f"{button} return button.ariaDisabled") == "true"
    await sql.execute("COMMIT")
    board.see("#audit-result", "violated")
    board.see("#audit", "main/sum_zero", "violated: 1 row, for example", "{")
    board.see("#state", "Trouble: the last audit found violations.")
    assert board.run(f"{button} return button.ariaDisabled") is None
    assert await world.value("SELECT count(*) FROM audits") == 2


async def test_a_second_audit_in_the_same_process_shows_an_error(
    address: str,
    application: FastAPI,
    board: Page,
    root: Person,
    sql: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page shows the detail of 409 `audit_running` while the first audit waits for a locked table."""
    monkeypatch.setitem(run.BUDGETS, "lock_timeout", "60s")
    await sql.execute("BEGIN")
    await sql.execute("LOCK TABLE entries")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(httpx.post, f"{address}/ops/audit", headers=root.headers, timeout=PATIENCE)
        until(service_of(application).auditing.locked)
        board.run("document.getElementById('run-audit').click()")
        board.see("#audit-result", "Audit failed: This process is")
        await sql.execute("COMMIT")
        assert first.result().status_code == 200


async def test_an_audit_that_takes_longer_than_a_request_is_shown_when_it_ends(
    application: FastAPI, settings: Settings, board: Page, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 202 the page says that the audit is still running, and later shows its result."""
    monkeypatch.setitem(run.BUDGETS, "lock_timeout", "60s")
    await sql.execute("BEGIN")
    await sql.execute("LOCK TABLE entries")
    service_of(application).settings = settings.model_copy(update={"request_timeout": 3})
    board.run("document.getElementById('run-audit').click()")
    board.see("#audit-result", "The audit is still running; its result appears here.")
    service_of(application).settings = settings
    await sql.execute("COMMIT")
    board.see("#audit-result", f"{len(run.NAMES)} checks", "all ok")


async def test_the_followers_of_a_worker_are_counted(address: str, board: Page, world: World) -> None:
    """A stream counts while it is open."""
    board.see("#versions", "has 0 followers")
    ada = await world.person("ada")
    async with tailing(tail := Tail(address, await world.account(ada), ada)):
        await tail.until(lambda: tail.statuses == [200])
        await asyncio.to_thread(board.see, "#versions", "has 1 follower")
    board.see("#versions", "has 0 followers")


async def test_the_latest_changes_are_shown(
    address: str, page: Page, world: World, root: Person, sql: Connection
) -> None:
    """A change that an operator made is shown with the operator, one that SQL made with the command line."""
    ada = await world.person("ada")
    account = await world.account(ada)
    async with httpx.AsyncClient(base_url=address, headers=root.headers) as http:
        (await http.patch(f"/accounts/{account}", json={"status": "frozen"})).raise_for_status()
    await sql.execute("UPDATE users SET role = 'operator' WHERE id = %s", (ada.id,))
    page.sign_in(root.api_key)
    page.see("#changes", f"account {account}", "account_changed: status open → frozen", f"user {root.id}")
    page.see("#changes", f"user {ada.id}", "role_changed: role member → operator", "command line")
    page.see("#changes", f"account_opened: status open, minimum 0, owner_id {ada.id}")


async def test_markup_in_data_is_shown_as_text(page: Page, root: Person, sql: Connection) -> None:
    """Markup in an audit's rows stays text; if a script inserts markup, the policy refuses it (negative control)."""
    checks = json.dumps([{"name": HOSTILE, "rows": [{"name": HOSTILE}]}])
    await sql.execute("INSERT INTO audits (ok, checks) VALUES (false, %s::json)", (checks,))
    page.sign_in(root.api_key)
    page.see("#audit", HOSTILE, json.dumps({"name": HOSTILE}, separators=(",", ":")))
    assert page.run("return document.querySelectorAll('img').length") == 0
    assert page.console_errors() == []
    for markup in ("document.body.innerHTML = arguments[0]", "document.body.setAttribute('onclick', arguments[0])"):
        assert page.run(f"try {{ {markup} }} catch (error) {{ return error.name }}", HOSTILE) == "TypeError"
    page.run("const image = new Image(); image.src = 'http://127.0.0.1:9/'; document.body.append(image)")
    console: list[str] = []

    def refused(words: str) -> bool:
        console.extend(page.console_errors())
        return any(words in line for line in console)

    until(lambda: refused("TrustedHTML") and refused("TrustedScript") and refused("img-src"))
    assert page.run("return document.title") == "Folio · operations"


async def test_the_key_is_kept_for_the_tab_until_sign_out(board: Page, root: Person) -> None:
    """A reload keeps the operator signed in. The key is nowhere but in the tab's storage, and "Sign out" drops it."""
    board.browser.refresh()
    board.see("#workers", "main", "catalog")
    assert board.text("#sign-in") == ""
    everywhere = """
        return JSON.stringify([localStorage, document.cookie, location.href, history.state,
            document.getElementById('key').value, document.documentElement.outerHTML])
    """
    assert root.api_key not in board.run(everywhere)
    assert board.run("return localStorage.length + document.cookie.length") == 0
    assert board.run("return Object.values(sessionStorage)") == [root.api_key]
    board.run("document.getElementById('sign-out').click()")
    assert board.run("return sessionStorage.length") == 0
    assert board.text("#board") == ""
    assert board.text("#workers") == ""
    assert board.run("return document.activeElement.id") == "key"
    before = board.run(POLLS)
    board.sign_in(root.api_key)
    until(lambda: board.run(POLLS) >= before + 2)
    board.run("document.getElementById('sign-out').click()")
    board.browser.refresh()
    assert board.text("#board") == ""
    assert "API key" in board.text("#sign-in")


async def test_another_tab_asks_for_the_key(board: Page) -> None:
    """The key of one tab is not in a tab that is opened afterwards."""
    tab = board.browser.current_window_handle
    board.browser.switch_to.new_window("tab")
    try:
        board.browser.get(board.address)
        board.see("#sign-in", "API key")
        assert board.run("return sessionStorage.length") == 0
    finally:
        board.browser.close()
        board.browser.switch_to.window(tab)


async def test_a_revoked_key_is_dropped_at_a_reload(board: Page, sql: Connection) -> None:
    """The page shows the form with the reason, and the tab keeps the key no longer."""
    await sql.execute("UPDATE api_keys SET revoked_at = clock_timestamp()")
    board.browser.refresh()
    board.see("#key-error", "unknown, revoked or expired")
    assert board.run("return sessionStorage.length") == 0


async def test_a_revoked_key_signs_the_operator_out(board: Page, sql: Connection) -> None:
    """The page shows the form again, with the reason."""
    await sql.execute("UPDATE api_keys SET revoked_at = clock_timestamp()")
    board.see("#key-error", "unknown, revoked or expired")
    assert board.text("#board") == ""


async def test_if_folio_does_not_answer_the_page_says_so_and_shows_the_age_of_its_numbers(board: Page) -> None:
    """Old numbers are called stale. When the tab becomes visible and Folio answers, all is well again."""
    board.see("#state", "All well")
    board.reach(online=False)
    try:
        board.see("#state", "pools: Folio does not answer. Next attempt in")
        board.see("#updated", "Stale: last update")
    finally:
        board.reach(online=True)
    board.run("document.dispatchEvent(new Event('visibilitychange'))")
    until(lambda: board.text("#state") == "All well")
    assert "Stale" not in board.text("#updated")


async def test_a_hidden_tab_polls_less_often(board: Page) -> None:
    """After the current pause, the page sends no request for three times its usual interval."""
    board.run("Object.defineProperty(document, 'hidden', { get: () => true })")
    polls = board.run(POLLS)
    until(lambda: board.run(POLLS) > polls)
    polls = board.run(POLLS)
    await asyncio.sleep(7)  # there is no event to await if no request is sent
    assert board.run(POLLS) == polls


async def test_the_page_can_be_used_with_the_keyboard_alone(page: Page, root: Person) -> None:
    """Enter signs in, Tab reaches the audit button, Space presses it; the focus is always visible and stays."""
    keys = ActionChains(page.browser)
    focus = "const at = document.activeElement; return [at.id, getComputedStyle(at).outlineStyle]"
    assert page.run(focus) == ["key", "solid"]
    keys.send_keys(root.api_key, Keys.ENTER).perform()
    page.see("#audit-result", "No audit has run yet")
    focused = []
    while "run-audit" not in focused:
        keys.send_keys(Keys.TAB).perform()
        element_id, outline = page.run(focus)
        assert outline == "solid", element_id
        focused.append(element_id)
        assert len(focused) < 10, focused
    keys.send_keys(Keys.SPACE).perform()
    page.see("#audit-result", "all ok")
    assert page.run(focus) == ["run-audit", "solid"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_it_fits_the_screen_and_can_be_read(
    page: Page, root: Person, sql: Connection, width: int, *, dark: bool
) -> None:
    """The page never scrolls sideways, Tab reaches each box that does, and every text has a contrast of 4.5."""
    checks = json.dumps([{"name": "main/held", "rows": [{"account_id": 7, "why": "x" * 300}]}])
    await sql.execute("INSERT INTO audits (ok, checks) VALUES (false, %s::json)", (checks,))
    page.open(width=width, dark=dark)
    page.sign_in("folio_" + "x" * 43)
    page.see("#key-error", "unknown")
    assert page.run(CONTRAST) == []
    page.run("document.getElementById('key').value = ''")
    page.sign_in(root.api_key)
    page.see("#versions", "Folio")
    page.see("#audit", "main/held")
    page.see("#workers", "In the last minute")
    page.unfold()
    page.see("#migrations", "0001")
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run("return innerWidth") == width
    assert page.run(CONTRAST) == []
    boxes = "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth)"
    assert page.run(f"return {boxes}.every(box => box.tabIndex === 0)")
    assert width > 360 or page.run(f"return {boxes}.length") > 0
    ground = page.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in ground[4:-1].split(",")) < 384) == dark
    page.run("document.querySelector('#audit-result').style.color = getComputedStyle(document.body).backgroundColor")
    assert len(page.run(CONTRAST)) > 0  # negative control: the measure finds invisible text


async def test_a_narrow_screen_shows_first_what_matters(
    page: Page, address: str, root: Person, world: World, databases: dict[str, str]
) -> None:
    """At 375 px the blocking session is at the top; "Blocked by", p95 and the changes need no scrolling."""
    account = await world.account(root)
    async with httpx.AsyncClient(base_url=address, headers=root.headers) as http:
        await http.get(f"/accounts/{account}/entries.csv")  # the longest path
    page.open(width=375)
    page.sign_in(root.api_key)
    page.see("#changes", "account_opened")
    with request_that_waits(address, databases["main"], root, account) as blocker:
        page.see("#blockers", f"PID {blocker} blocks main")
        page.see("#workers table", "PATCH /accounts/{id}", f"{blocker}")
        right = "return [...document.querySelectorAll('th')].find((th) => th.textContent === arguments[0])"
        for head in ("Blocked by", "p95", "Errors/s", "Time"):
            assert page.run(f"{right}.getBoundingClientRect().right", head) <= 375, head
        top = "return document.querySelector(arguments[0]).getBoundingClientRect().top"
        tops = [page.run(top, at) for at in ("#blockers", "#workers table", "#workers figure", "#routes")]
        assert tops == sorted(tops)
        assert page.run("return document.documentElement.scrollWidth") <= 375
