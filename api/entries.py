"""Entries over HTTP: the statement of an account in pages or as one CSV file, and its balance at an instant."""

import asyncio
import csv
import io
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.http import problems
from api.http.answers import answer, visible
from api.http.authentication import Member
from api.http.dependencies import Accounts, CurrentService, Entries, Main
from api.http.json_bodies import JsonRoute
from api.http.media_types import prefers
from api.http.pages import Page, PageOf
from api.http.problems import Problem, answers, invalid
from api.http.types import Balance, Description, Id, PastTime, PathId, Representation, Time
from repositories.accounts import AccountRepository
from repositories.entries import NEWEST, EntryRepository
from repositories.entries import BalanceAt as BalanceAtRow
from repositories.entries import Entry as EntryRow
from repositories.postgres import unit_of_work
from repositories.postgres.errors import DeadlineExceeded, Defect, Fault
from repositories.postgres.operation import Operation, current
from repositories.postgres.pools import Pool
from repositories.postgres.statements import Connection

router = APIRouter(tags=["accounts"], route_class=JsonRoute)


class Entry(Representation):
    """A line of a statement; `amount` is signed."""

    account_id: Id
    version: int
    transfer_id: Id
    amount: Balance
    balance_after: Balance
    counterparty_account_id: Id
    description: Description | None
    created_at: Time


class BalanceAt(Representation):
    """The balance at an instant, every entry of that instant included."""

    account_id: Id
    at: Time
    balance: Balance
    version: int


CSV = "text/csv"
CSV_ROWS = 500
"""Rows of a CSV file that are read at a time; no more of the file is in memory."""
CSV_SECONDS = 3600.0
"""Longest time for one file: a reader that takes longer is cut off, and reads the rest with `to`."""
CSV_TRIES = 5
"""Times that a page of a CSV file is tried, a second apart: an answer that began as 200 can only be cut off."""
AS_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {CSV: {"schema": {"type": "string"}}}, "description": "A page, or the whole statement as CSV"}
}
"""For OpenAPI."""


@router.get(
    "/accounts/{id}/entries",
    summary="Read a statement",
    responses=AS_CSV | answers("account_not_found", *problems.OWN),
    response_model=Page[Entry],
)
async def list_entries(
    id: PathId,
    caller: Member,
    accounts: Accounts,
    entries: Entries,
    page: PageOf,
    service: CurrentService,
    request: Request,
    since: Annotated[Time | None, Query(alias="from", description="the first instant")] = None,
    until: Annotated[Time | None, Query(alias="to", description="the first instant after the span")] = None,
    accept: Annotated[str, Header(description="`text/csv` for the whole statement in one file")] = "*/*",
) -> Response:
    """Read the entries of an account, newest first, with from ≤ time < to: a page, or all as `text/csv`."""
    visible(await accounts.get(id=id), "account", id, caller)
    statement = partial(entries.list, account_id=id, since=since, until=until)
    vary = {"Vary": "Accept"}
    if prefers(accept, CSV):
        first = [] if request.state.head else await statement(before=NEWEST, limit=CSV_ROWS)
        timeout = service.settings.request_timeout
        pages = _pages(service.pools["main"], timeout, first, account_id=id, since=since, until=until)
        disposition = {"Content-Disposition": f'attachment; filename="account-{id}.csv"'}
        if service.csv_files.locked():
            raise Problem(
                "overloaded", "This process is sending as many CSV files as it may.", headers={"Retry-After": "10"}
            )
        lines = _csv(pages, service.csv_files)
        body = _resume(await anext(lines), lines)
        return StreamingResponse(body, media_type=CSV, headers=disposition | vary)
    rows = await statement(before=page.version(NEWEST), limit=page.rows)
    return page.answer(rows, Entry.model_validate, lambda entry: (entry.version,), headers=vary)


@router.get(
    "/accounts/{id}/balance",
    summary="Read a balance at a time",
    responses=answers("account_not_found", *problems.OWN),
    response_model=BalanceAt,
)
async def get_balance(
    id: PathId,
    caller: Member,
    accounts: Accounts,
    entries: Entries,
    main: Main,
    at: Annotated[PastTime, Query(description="an instant that is not in the future")],
) -> Response:
    """Read the balance at an instant, every entry of that instant included. The answer never changes."""
    visible(await accounts.get(id=id), "account", id, caller)

    async def work(connection: Connection) -> BalanceAtRow:
        await AccountRepository(connection).share(id=id)
        return await EntryRepository(connection).balance_at(account_id=id, at=at)

    then = await entries.balance_at(account_id=id, at=at)
    if then.past and not then.settled:
        # An entry of that time may still be in flight: wait for it.
        then = await unit_of_work.run(main, work)
    if not then.past:
        raise invalid(("query", "at"), f"{at.isoformat()} is in the future", "time_to_come")
    return answer(BalanceAt(account_id=id, at=at, balance=then.balance, version=then.version))


async def _pages(
    main: Pool,
    seconds: float,
    rows: list[EntryRow],
    *,
    account_id: int,
    since: datetime | None,
    until: datetime | None,
) -> AsyncIterator[list[EntryRow]]:
    """Yield a statement from its first page on. Each page is read within `seconds`, on a connection of its own."""
    operation = current() or Operation("statement")
    ends = time.monotonic() + CSV_SECONDS
    while rows:
        yield rows
        if len(rows) < CSV_ROWS:
            return
        if time.monotonic() > ends:
            raise DeadlineExceeded
        before = rows[-1].version
        for left in reversed(range(CSV_TRIES)):
            try:
                with operation.within(seconds):
                    async with main.checkout() as checkout:
                        rows = await EntryRepository(checkout.connection).list(
                            account_id=account_id, since=since, until=until, before=before, limit=CSV_ROWS
                        )
                break
            except (Fault, Defect, psycopg.Error):
                if not left:
                    raise
                await asyncio.sleep(1)


async def _csv(pages: AsyncIterator[Sequence[EntryRow]], files: asyncio.Semaphore) -> AsyncIterator[str]:
    """Yield a CSV file (RFC 4180) with a header line, a page at a time. It counts in `files` from its first line on."""
    columns = list(Entry.model_fields)
    async with files:
        yield _lines([columns])
        async for page in pages:
            shown = (Entry.model_validate(row).model_dump(mode="json") for row in page)
            yield _lines([entry[column] for column in columns] for entry in shown)


async def _resume(first: str, lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield a file whose first line was read, so that it counts even if its client never reads it."""
    yield first
    async for line in lines:
        yield line


def _lines(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
