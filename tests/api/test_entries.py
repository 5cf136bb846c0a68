"""Entries over HTTP: the statement of an account in pages and as one file, and the balance at any instant."""

import asyncio
import contextlib
import csv
import io
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest
from fastapi import FastAPI

from api import entries
from api.process.service import MAX_CSV_FILES, service_of
from repositories.entries import NEWEST, EntryRepository
from repositories.postgres.errors import DeadlineExceeded
from tests.harness.expect import found, pages, problem
from tests.harness.payments import order
from tests.harness.world import World

pytestmark = pytest.mark.full_pool


async def test_the_statement_and_the_balance_agree_at_every_instant(client: httpx.AsyncClient, world: World) -> None:
    """From <= time < to, and the balance at the instant of an entry includes it."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    for amount in (10, 20, 30):
        await client.post("/transfers", json=order(payer, payee, amount), headers=ada.paying())
    entries = (await client.get(f"/accounts/{payee}/entries", headers=ada.headers)).json()["items"]
    times = [entry["created_at"] for entry in entries]
    for entry in entries:
        at = {"at": entry["created_at"]}
        then = (await client.get(f"/accounts/{payee}/balance", params=at, headers=ada.headers)).json()
        assert (then["balance"], then["version"]) == (entry["balance_after"], entry["version"])
    span = {"from": times[1], "to": times[0]}
    between = (await client.get(f"/accounts/{payee}/entries", params=span, headers=ada.headers)).json()["items"]
    assert [entry["version"] for entry in between] == [2]
    before = {"at": "2000-01-01T00:00:00Z"}
    assert (await client.get(f"/accounts/{payee}/balance", params=before, headers=ada.headers)).json()["balance"] == 0
    later = {"at": "2100-01-01T00:00:00Z"}
    assert (await client.get(f"/accounts/{payee}/balance", params=later, headers=ada.headers)).status_code == 422


async def test_a_balance_of_long_ago_locks_nothing(client: httpx.AsyncClient, world: World) -> None:
    """It is read while the account is locked; a balance of just now waits for entries that may be in flight."""
    ada = await world.person("ada")
    account = await world.account(ada)
    await world.fund(account, 5)
    path = f"/accounts/{account}/balance"
    now = datetime.now(UTC)

    async def read(at: datetime) -> httpx.Response:
        async with asyncio.timeout(10):
            return await client.get(path, params={"at": at.isoformat()}, headers=ada.headers)

    if world.connection.info.server_version < 170000:
        pytest.skip("PostgreSQL before 17 has no transaction_timeout: every instant waits")
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", (account,))
        # The transaction timeout of these tests is 60 s.
        assert found(await read(now - timedelta(seconds=90)))["balance"] == 0
        with pytest.raises(TimeoutError):
            await read(now)
    assert found(await read(now))["balance"] == 5


async def test_a_statement_as_csv_is_all_of_it_in_the_order_of_its_pages(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every column as in JSON, of any length, within from and to; descriptions with quotes and line breaks survive."""
    monkeypatch.setattr(entries, "CSV_ROWS", 3)
    ada, eve = await world.person("ada"), await world.person("eve")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    for description in ('Lunch, "big"', "two\nlines", "=1+1", None, "", "\u540d", "7"):
        body = order(payer, payee, 10, description=description)
        found(await client.post("/transfers", json=body, headers=ada.paying()), 201)
    listed = await pages(client, f"/accounts/{payer}/entries?limit=2", ada)
    path = f"/accounts/{payer}/entries"
    as_csv = ada.headers | {"Accept": "text/csv"}
    answer = await client.get(path, headers=as_csv)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert rows == [{name: "" if value is None else str(value) for name, value in entry.items()} for entry in listed]
    span = {"from": listed[4]["created_at"], "to": listed[1]["created_at"]}
    some = await client.get(path, params=span, headers=as_csv)
    assert [row["version"] for row in csv.DictReader(io.StringIO(some.text, newline=""))] == ["5", "4", "3"]
    empty = await client.get(f"/accounts/{await world.account(ada)}/entries", headers=as_csv)
    assert empty.text.splitlines() == [",".join(listed[0])]
    problem(await client.get(path, headers=as_csv | eve.headers), 404, "account_not_found")
    for accept, media_type in (
        ("application/json, text/csv;q=0.5", "application/json"),
        ("text/csv;q=0.9, application/json;q=0.1", "text/csv"),
        ("text/csv;q=0", "application/json"),
        ("*/*", "application/json"),
        ("text/csv;q=x", "application/json"),
        ("application/json, text/csv", "application/json"),
        ("text/csv, */*", "text/csv"),
        ("text/csv;q=0.1, */*", "application/json"),
    ):
        answer = await client.get(path, headers=ada.headers | {"Accept": accept})
        assert answer.headers["Content-Type"].startswith(media_type), accept


async def test_a_slow_reader_of_a_statement_holds_no_connection(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pages the connection is back in the pool, and no more than one page is in memory."""
    monkeypatch.setattr(entries, "CSV_ROWS", 2)
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    for _ in range(6):
        found(await client.post("/transfers", json=order(payer, payee), headers=ada.paying()), 201)
    main = service_of(app).pools["main"]
    async with main.checkout() as checkout:
        page = partial(EntryRepository(checkout.connection).list, account_id=payer, since=None, until=None)
        first = await page(before=2**63 - 1, limit=2)
    stream = entries._pages(main, 60, first, account_id=payer, since=None, until=None)
    read = []
    async for rows in stream:
        assert len(main.checked_out) == 0
        assert len(rows) <= 2
        read += [row.version for row in rows]
    assert read == [6, 5, 4, 3, 2, 1]


async def test_a_process_sends_a_bounded_number_of_csv_files(
    client: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    """One more file is 503 overloaded with Retry-After; pages are served, and a finished file makes room."""
    ada = await world.person("ada")
    account = await world.account(ada)
    as_csv = ada.headers | {"Accept": "text/csv"}
    files = service_of(app).csv_files
    for _ in range(MAX_CSV_FILES):
        await files.acquire()
    refused = await client.get(f"/accounts/{account}/entries", headers=as_csv)
    problem(refused, 503, "overloaded")
    assert refused.headers["Retry-After"]
    found(await client.get(f"/accounts/{account}/entries", headers=ada.headers))
    files.release()
    for _ in range(2):
        answer = await client.get(f"/accounts/{account}/entries", headers=as_csv)
        assert (answer.status_code, answer.text.count("\n")) == (200, 1)


async def test_a_csv_file_that_takes_too_long_is_cut_off(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an hour no further page is read; the answer ends without its last chunk, so a part passes for no whole."""
    account = await world.account(await world.person("ada"))
    for _ in range(3):
        await world.fund(account, 5)
    monkeypatch.setattr(entries, "CSV_ROWS", 1)
    main = service_of(app).pools["main"]
    for seconds, count in ((3600.0, 3), (-1.0, 1)):
        monkeypatch.setattr(entries, "CSV_SECONDS", seconds)
        async with main.checkout() as checkout:
            first = await EntryRepository(checkout.connection).list(
                account_id=account, since=None, until=None, before=NEWEST, limit=1
            )
        read = []
        with contextlib.suppress(DeadlineExceeded):
            async for rows in entries._pages(main, 60, first, account_id=account, since=None, until=None):
                read += rows
        assert len(read) == count


async def test_bounds_between_two_microseconds_leave_no_entry_out_and_let_none_in(
    client: httpx.AsyncClient, world: World
) -> None:
    """Both from ≤ time < to and time ≤ at hold to the nanosecond, though the database keeps microseconds."""
    ada = await world.person("ada")
    account = await world.account(ada)
    await world.fund(account, 5)
    path = f"/accounts/{account}"
    [entry] = await pages(client, f"{path}/entries", ada)
    time = entry["created_at"].removesuffix("Z")
    before = f"{datetime.fromisoformat(time) - timedelta(microseconds=1):%Y-%m-%dT%H:%M:%S.%f}999Z"

    async def listed(**bounds: str) -> int:
        answer = await client.get(f"{path}/entries", params=bounds, headers=ada.headers)
        return len(found(answer)["items"])

    async def balance(at: str) -> int:
        amount: int = found(await client.get(f"{path}/balance", params={"at": at}, headers=ada.headers))["balance"]
        return amount

    assert await listed(to=f"{time}001Z") == 1
    assert await listed(to=f"{time}Z") == await listed(to=before) == 0
    assert await listed(**{"from": before}) == await listed(**{"from": f"{time}Z"}) == 1
    assert await listed(**{"from": f"{time}001Z"}) == 0
    assert (await balance(before), await balance(f"{time}Z"), await balance(f"{time}999Z")) == (0, 5, 5)
