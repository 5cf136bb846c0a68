"""The operators' page, as a person has it before them: in Chromium, against a real service."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from api.process.service import service_of
from api.process.settings import Settings
from repositories.audit import run
from tests.api.ops.page.browser import Page
from tests.harness.launcher import PATIENCE
from tests.harness.processes import until
from tests.harness.world import Connection, Person, World

HOSTILE = "<img src=x onerror=\"document.title = 'taken over'\">"
ASKED = "return performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/ops/pools')).length"
CONTRAST = Path(__file__).with_name("contrast.js").read_text()


@pytest.fixture
async def root(world: World) -> Person:
    """An operator."""
    return await world.person("root", role="operator")


@pytest.fixture
def board(page: Page, root: Person) -> Page:
    """The page, with an operator's key."""
    page.sign_in(root.api_key)
    page.see("#workers", "main", "catalog")
    return page


@contextmanager
def held(address: str, main: str, person: Person, account: int) -> Iterator[int]:
    """Keep a request waiting, its connection in hand, for a lock of another session, whose backend it tells."""
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


async def test_a_wrong_key_is_told_and_shows_nothing(page: Page) -> None:
    """The field says why, and has the focus again."""
    for key, why in (("folio_wrong", "unknown, revoked or expired"), ("clé", "one word of plain letters")):
        page.open()
        page.sign_in(key)
        page.see("#key-error", why)
        assert page.text("#board") == ""
        assert page.run("return document.activeElement.id") == "key"


async def test_a_members_key_is_told_and_shows_nothing(page: Page, world: World) -> None:
    """403 operator_required, in words."""
    page.sign_in((await world.person("ada")).api_key)
    page.see("#key-error", "Only an operator may do this.")
    assert page.text("#board") == ""


async def test_an_operator_sees_both_pools_and_the_service(board: Page) -> None:
    """Numbers and a plot for each pool with its words, routes, purchases, versions and every migration."""
    for name in ("main", "catalog"):
        board.see(f"[aria-label='Pool {name}']", "of 4 in use", "0 waiting", "Timeouts", "In the last minute: ")
        plot = f"[aria-label^='Pool {name}. In the last minute']"
        until(lambda plot=plot: "V" in board.run(f'return document.querySelector("{plot} path.line.used").outerHTML'))  # type: ignore[misc]
    board.see("#workers", "Pools of worker", "Nobody holds a connection.")
    board.see("#routes", "GET /ops/pools", "p95")
    board.see("#purchases-counted", "0 pending, 0 decided")
    board.see("#audit-found", "No audit has run yet")
    board.see("#versions", "Folio 0.1.0 on Python 3.")
    board.see("#migrations", "0001_users.sql", "0001_products.sql")
    assert board.text("#databases").count("ready") == 2
    assert board.text("#state") == "Live"
    board.see("#updated", "Last update", "s ago")


async def test_each_worker_has_a_place_of_its_own_and_advice_is_shown_where_there_is_some(board: Page) -> None:
    """Lines of two workers are never mixed; what Folio advises is text (here the page is made to hear of both)."""
    first = board.text("#workers h2")
    board.run(
        """
        const ask = window.fetch;
        window.fetch = async (...asked) => {
          const body = await (await ask(...asked)).json();
          body.worker_pid += 1;
          body.pools?.forEach((pool) => { pool.in_use = 3; pool.advice = arguments[0]; });
          return Response.json(body);
        };
        """,
        {"min_size": 1, "max_size": 6, "why": HOSTILE},
    )
    other = f"[aria-labelledby='worker-{int(first.split()[-1]) + 1}']"
    board.see(other, "3 of 4 in use", f"Advice: minimum 1, maximum 6. {HOSTILE}", "One of 2 workers seen")
    board.see(f"[aria-labelledby='worker-{first.split()[-1]}']", "0 of 4 in use", "One of 2 workers seen")


async def test_who_holds_a_connection_is_shown_and_marked_in_words_once_overdue(
    world: World, databases: dict[str, str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its route, its backend, the file that runs, the lock that it waits for, and whose."""
    monkeypatch.setenv("FOLIO_POOL_SOFT_LIMIT", "5")
    address = request.getfixturevalue("address")
    root = await world.person("root", role="operator")
    account = await world.account(root)
    page: Page = request.getfixturevalue("page")
    page.sign_in(root.api_key)
    with held(address, databases["main"], root, account) as blocker:
        shown = page.see("#workers table", "PATCH /accounts/{id}", "main/accounts/lock", "Lock: ", f"{blocker}")
        backend = await world.value("SELECT pid FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", blocker)
        assert f"{backend}" in shown
        page.see("#workers table", "overdue: ")
        page.see("[aria-label='Pool main']", "1 of 4 in use")
    page.see("#workers", "Nobody holds a connection.")


async def test_the_button_runs_an_audit_and_shows_what_it_found(
    board: Page, sql: Connection, world: World, databases: dict[str, str]
) -> None:
    """All ok; after something was broken behind Folio's back, which check and a row of it; one at a time."""
    board.run("document.getElementById('run-audit').click()")
    board.see("#audit-found", "11 checks", "all ok")
    assert "broken" not in board.text("#audit")
    with psycopg.connect(databases["main"]) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("INSERT INTO entries VALUES (1, 2, 1, 5, 105, clock_timestamp())")
    await sql.execute("BEGIN")
    await sql.execute("LOCK TABLE audits")
    button = "const button = document.getElementById('run-audit');"
    board.run(f"{button} button.click(); button.click()")
    board.see("#audit-found", "The audit is running.")
    assert board.run(f"{button} return button.ariaDisabled") == "true"
    await sql.execute("COMMIT")
    board.see("#audit-found", "broken")
    board.see("#audit", "main/sum_zero", "broken: 1 row, such as", "{")
    assert board.run(f"{button} return button.ariaDisabled") is None
    assert await world.value("SELECT count(*) FROM audits") == 2


async def test_an_audit_that_runs_already_is_told(
    address: str,
    application: FastAPI,
    board: Page,
    root: Person,
    sql: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """409 audit_running, in words: the first waits for a table that somebody keeps."""
    monkeypatch.setitem(run.BUDGETS, "lock_timeout", "60s")
    await sql.execute("BEGIN")
    await sql.execute("LOCK TABLE entries")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(httpx.post, f"{address}/ops/audit", headers=root.headers, timeout=PATIENCE)
        until(service_of(application).auditing.locked)
        board.run("document.getElementById('run-audit').click()")
        board.see("#audit-found", "Not run: This process is running an audit already.")
        await sql.execute("COMMIT")
        assert first.result().status_code == 200


async def test_an_audit_that_takes_longer_than_a_request_is_told(
    application: FastAPI, settings: Settings, board: Page, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """202, in words; what it found is shown once it has ended."""
    monkeypatch.setitem(run.BUDGETS, "lock_timeout", "60s")
    await sql.execute("BEGIN")
    await sql.execute("LOCK TABLE entries")
    service_of(application).settings = settings.model_copy(update={"request_timeout": 3})
    board.run("document.getElementById('run-audit').click()")
    board.see("#audit-found", "The audit goes on, and is shown here when it ends.")
    service_of(application).settings = settings
    await sql.execute("COMMIT")
    board.see("#audit-found", "11 checks", "all ok")


async def test_what_comes_from_elsewhere_is_shown_as_text(page: Page, root: Person, sql: Connection) -> None:
    """Markup in an audit's rows stays text; were it in the page, it would not run (the negative control)."""
    checks = json.dumps([{"name": HOSTILE, "rows": [{"name": HOSTILE}]}])
    await sql.execute("INSERT INTO audits (ok, checks) VALUES (false, %s::json)", (checks,))
    page.sign_in(root.api_key)
    page.see("#audit", HOSTILE, json.dumps({"name": HOSTILE}, separators=(",", ":")))
    assert page.run("return document.querySelectorAll('img').length") == 0
    assert page.complaints() == []
    for markup in ("document.body.innerHTML = arguments[0]", "document.body.setAttribute('onclick', arguments[0])"):
        assert page.run(f"try {{ {markup} }} catch (error) {{ return error.name }}", HOSTILE) == "TypeError"
    page.run("const image = new Image(); image.src = 'http://127.0.0.1:9/'; document.body.append(image)")
    said: list[str] = []

    def refused(words: str) -> bool:
        said.extend(page.complaints())
        return any(words in line for line in said)

    until(lambda: refused("TrustedHTML") and refused("TrustedScript") and refused("img-src"))
    assert page.run("return document.title") == "Folio · operations"


async def test_the_key_is_in_memory_and_nowhere_else(board: Page, root: Person, application: FastAPI) -> None:
    """Not in storage, cookies, address, history or the document; a button forgets it, and so does a reload."""
    board.see("#migrations", "0001")
    everywhere = """
        return JSON.stringify([localStorage, sessionStorage, document.cookie, location.href, history.state,
            document.getElementById('key').value, document.documentElement.outerHTML])
    """
    assert root.api_key not in board.run(everywhere)
    assert board.run("return localStorage.length + sessionStorage.length + document.cookie.length") == 0
    board.run("document.getElementById('forget').click()")
    assert board.text("#board") == ""
    assert board.text("#workers") == ""
    assert board.run("return document.activeElement.id") == "key"
    before = board.run(ASKED)
    board.sign_in(root.api_key)
    until(lambda: board.run(ASKED) >= before + 2)
    board.open()
    assert board.text("#board") == ""
    assert "API key" in board.text("#sign-in")


async def test_a_key_that_is_revoked_ends_what_is_shown(board: Page, sql: Connection) -> None:
    """The form is back, and says why."""
    await sql.execute("UPDATE api_keys SET revoked_at = clock_timestamp()")
    board.see("#key-error", "unknown, revoked or expired")
    assert board.text("#board") == ""


async def test_when_folio_does_not_answer_the_page_says_so_and_how_old_it_is(board: Page) -> None:
    """What is stale is called stale; once the page is looked at again and Folio answers, it is live."""
    board.see("#state", "Live")
    board.reach(online=False)
    try:
        board.see("#state", "pools: Folio does not answer. Next try in")
        board.see("#updated", "Stale: last update")
    finally:
        board.reach(online=True)
    board.run("document.dispatchEvent(new Event('visibilitychange'))")
    until(lambda: board.text("#state") == "Live")
    assert "Stale" not in board.text("#updated")


async def test_a_page_that_nobody_looks_at_asks_seldom(board: Page) -> None:
    """Once the pause under way is over, nothing is asked in the time of three more."""
    board.run("Object.defineProperty(document, 'hidden', { get: () => true })")
    asked = board.run(ASKED)
    until(lambda: board.run(ASKED) > asked)
    asked = board.run(ASKED)
    await asyncio.sleep(7)  # that nothing happens cannot be waited for
    assert board.run(ASKED) == asked


async def test_everything_is_done_with_the_keyboard_alone(page: Page, root: Person) -> None:
    """The field has the focus: the key, Enter; Tab to the button, Space; wherever it is, it is seen, and it stays."""
    keys = ActionChains(page.browser)
    focus = "const at = document.activeElement; return [at.id, getComputedStyle(at).outlineStyle]"
    assert page.run(focus) == ["key", "solid"]
    keys.send_keys(root.api_key, Keys.ENTER).perform()
    page.see("#audit-found", "No audit has run yet")
    passed = []
    while "run-audit" not in passed:
        keys.send_keys(Keys.TAB).perform()
        where, outline = page.run(focus)
        assert outline == "solid", where
        passed.append(where)
        assert len(passed) < 10, passed
    keys.send_keys(Keys.SPACE).perform()
    page.see("#audit-found", "all ok")
    assert page.run(focus) == ["run-audit", "solid"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_it_fits_the_screen_and_can_be_read(
    page: Page, root: Person, sql: Connection, width: int, *, dark: bool
) -> None:
    """The page never scrolls sideways; a box that does takes Tab; every text has a contrast of 4.5."""
    checks = json.dumps([{"name": "main/held", "rows": [{"account_id": 7, "why": "x" * 300}]}])
    await sql.execute("INSERT INTO audits (ok, checks) VALUES (false, %s::json)", (checks,))
    page.open(width=width, dark=dark)
    page.sign_in("wrong")
    page.see("#key-error", "unknown")
    assert page.run(CONTRAST) == []
    page.run("document.getElementById('key').value = ''")
    page.sign_in(root.api_key)
    page.see("#migrations", "0001")
    page.see("#audit", "main/held")
    page.see("#workers", "In the last minute")
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run("return innerWidth") == width
    assert page.run(CONTRAST) == []
    boxes = "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth)"
    assert page.run(f"return {boxes}.every(box => box.tabIndex === 0)")
    assert width > 360 or page.run(f"return {boxes}.length") > 0
    ground = page.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in ground[4:-1].split(",")) < 384) == dark
    page.run("document.querySelector('#audit-found').style.color = getComputedStyle(document.body).backgroundColor")
    assert len(page.run(CONTRAST)) > 0  # the measure finds what cannot be read
