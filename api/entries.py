"""Entries over HTTP: the statement of an account in pages, as it grows or as CSV, and its balance at an instant."""

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
from pydantic import Field

from api.http import problems
from api.http.answers import answer, visible
from api.http.authentication import Member
from api.http.dependencies import Accounts, CurrentService, Entries, Main
from api.http.event_streams import EventStream
from api.http.following import FollowOf
from api.http.json_bodies import JsonRoute
from api.http.media_types import prefers
from api.http.pages import Page, PageOf, fitting
from api.http.problems import Problem, answers, invalid
from api.http.types import Balance, Description, Id, PastTime, PathId, Representation, Time
from api.process.service import Service
from repositories.accounts import AccountRepository
from repositories.api_keys import Caller
from repositories.entries import NEWEST, EntryRepository
from repositories.entries import BalanceAt as BalanceAtRow
from repositories.entries import Entry as EntryRow
from repositories.postgres import unit_of_work
from repositories.postgres.errors import DeadlineExceeded, Defect, Fault
from repositories.postgres.operation import Operation, current
from repositories.postgres.pools import Pool
from repositories.postgres.slices import ROWS, sliced
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
    reference: str | None


class EntriesAfter(Representation):
    """The entries after a version, oldest first."""

    items: list[Entry]
    last_version: int = Field(description="the last item's version, or the one of the request if there is no item")


class BalanceAt(Representation):
    """The balance at an instant, every entry of that instant included."""

    account_id: Id
    at: Time
    balance: Balance
    version: int


CSV = "text/csv"
EVENT_STREAM = "text/event-stream"
CSV_ROWS = 500
"""Rows of a CSV file that are read at a time; no more of the file is in memory."""
CSV_SECONDS = 3600.0
"""Longest time for one file: a reader that takes longer is cut off, and reads the rest with `to`."""
CSV_TRIES = 5
"""Times that a page of a CSV file is tried, a second apart: an answer that began as 200 can only be cut off."""
AS_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}
AS_EVENTS: dict[str, Any] = {
    "schema": {"type": "string", "description": "an event for each entry; its id is the version"}
}
AS_ANY: dict[int | str, dict[str, Any]] = {
    200: {
        "content": AS_CSV[200]["content"] | {EVENT_STREAM: AS_EVENTS},
        "description": "A page, the entries after a version, the whole statement as CSV, or a stream of events",
    }
}
"""For OpenAPI."""
Since = Annotated[Time | None, Query(alias="from", description="the first instant")]
Until = Annotated[Time | None, Query(alias="to", description="the first instant after the span")]
VARY = {"Vary": "Accept"}


@router.get(
    "/accounts/{id}/entries",
    summary="Read or follow a statement",
    responses=AS_ANY | answers("account_not_found", *problems.OWN),
    response_model=Page[Entry] | EntriesAfter,
)
async def list_entries(
    id: PathId,
    caller: Member,
    accounts: Accounts,
    entries: Entries,
    main: Main,
    page: PageOf,
    follow: FollowOf,
    service: CurrentService,
    request: Request,
    since: Since = None,
    until: Until = None,
    accept: Annotated[
        str, Header(description="`text/csv` for the whole statement in one file, `text/event-stream` to follow it")
    ] = "*/*",
) -> Response:
    """Read the entries of an account, newest first, with from ≤ time < to: a page, or all as `text/csv`.

    With `after_version`, read the entries after a version, oldest first. Versions are 1, 2, 3, …: a client that asks
    with its last version misses no entry. `wait` delays the answer until there is one. As `text/event-stream`, each
    entry is an event as it comes, and `Last-Event-ID` resumes.
    """
    account = visible(await accounts.get(id=id), "account", id, caller)
    stream = prefers(accept, EVENT_STREAM)
    follow.check(stream=stream)
    if stream:
        follower = follow.follower(account, caller, _show, stream=True)
        if request.state.head:
            return Response(media_type=EVENT_STREAM, headers=VARY)
        return EventStream(follower.events(), follower.following(account.version), VARY)
    if follow.named:
        follower = follow.follower(account, caller, _show)
        rows = await entries.list_after(account_id=id, after=follower.version, limit=page.limit)
        if not rows and follow.wait and not request.state.head:
            await main.give_back()
            with follower.following(account.version):
                await follower.wait(follow.wait)
            rows = (await follower.read(page.limit)).rows
        items = await fitting(rows, partial(_show, caller=follower.caller))
        last = rows[len(items) - 1].version if items else follower.version
        body = b'{"items":[%b],"last_version":%d}' % (b",".join(items), last)
        return Response(body, headers=VARY, media_type="application/json")
    if prefers(accept, CSV):
        return await _csv_answer(id, entries, service, since, until, caller, head=request.state.head)
    rows = await entries.list(account_id=id, since=since, until=until, before=page.version(NEWEST), limit=page.rows)
    return await page.answer(rows, partial(_show, caller=caller), lambda entry: (entry.version,), headers=VARY)


@router.get(
    "/accounts/{id}/entries.csv",
    summary="Read a statement as CSV",
    responses=AS_CSV | answers("account_not_found", *problems.OWN),
    response_class=Response,
)
async def export_entries(
    id: PathId,
    caller: Member,
    accounts: Accounts,
    entries: Entries,
    service: CurrentService,
    request: Request,
    since: Since = None,
    until: Until = None,
) -> Response:
    """Read the entries of an account as one CSV file, newest first, with from ≤ time < to."""
    visible(await accounts.get(id=id), "account", id, caller)
    return await _csv_answer(id, entries, service, since, until, caller, head=request.state.head)


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


def _show(row: EntryRow, caller: Caller) -> Entry:
    return Entry.model_validate(row.shown_to(caller))


async def _csv_answer(
    account_id: int,
    entries: EntryRepository,
    service: Service,
    since: datetime | None,
    until: datetime | None,
    caller: Caller,
    *,
    head: bool,
) -> Response:
    first = (
        []
        if head
        else await entries.list(account_id=account_id, since=since, until=until, before=NEWEST, limit=CSV_ROWS)
    )
    timeout = service.settings.request_timeout
    pages = _pages(service.pools["main"], timeout, first, account_id=account_id, since=since, until=until)
    disposition = {"Content-Disposition": f'attachment; filename="account-{account_id}.csv"'}
    if service.csv_files.locked():
        raise Problem(
            "overloaded", "This process is sending as many CSV files as it may.", headers={"Retry-After": "10"}
        )
    lines = _csv(pages, caller, service.csv_files)
    body = _resume(await anext(lines), lines)
    return StreamingResponse(body, media_type=CSV, headers=disposition | VARY)


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


async def _csv(
    pages: AsyncIterator[Sequence[EntryRow]], caller: Caller, files: asyncio.Semaphore
) -> AsyncIterator[str]:
    """Yield a CSV file (RFC 4180) with a header line, a page at a time. It counts in `files` from its first line on."""
    columns = list(Entry.model_fields)
    async with files:
        yield _lines([columns])
        async for page in pages:
            shown = [_show(row, caller).model_dump(mode="json") async for row in sliced(page, ROWS)]
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
