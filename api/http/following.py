"""Following an account: the entries after a version as they come, in one answer that waits or in a stream of events."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, TypeVar

import psycopg
from fastapi import Depends, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel, Field

from api.http.answers import visible
from api.http.authentication import KeyDigest, unauthorized
from api.http.dependencies import CurrentService
from api.http.problems import Problem, invalid
from api.http.types import Digits
from api.process.followers import TooManyFollowers
from repositories.accounts import MAXIMUM, Account, AccountRepository
from repositories.api_keys import ApiKeyRepository, Caller
from repositories.entries import Entry, EntryRepository
from repositories.postgres import operation
from repositories.postgres.errors import Defect, Fault
from repositories.postgres.statements import Connection

Value = TypeVar("Value")

MAX_WAIT_SECONDS = 30
JUDGE_SECONDS = 8.0
"""Seconds after which key and owner of a follower are judged again."""
JUDGE_TIMEOUT_SECONDS = 2.0
"""Seconds for that judgement, after which a stream ends: access that was lost ends it within 10 s."""
COMMENT_SECONDS = 15.0
"""Seconds of silence after which a stream gets a comment: proxies close connections that are silent for a minute."""
RETRY_SECONDS = 1.0
"""Seconds after which the client of a stream that ended comes back; at its end, up to three times as many."""
MAX_EVENTS = 100
"""Events that are read at a time."""

Version = Annotated[int, Field(ge=0, le=MAXIMUM), Digits]
Wait = Annotated[int, Field(ge=0, le=MAX_WAIT_SECONDS), Digits]
Show = Callable[[Entry, Caller], BaseModel]
"""Returns an entry as a caller may see it."""


class FollowRequest:
    """The version after which a request wants entries, if it names one, and the caller's key."""

    def __init__(
        self,
        request: Request,
        service: CurrentService,
        key_digest: bytes,
        after: int | None,
        wait: int,
        last_event_id: int | None,
    ) -> None:
        self._request = request
        self._service = service
        self._key_digest = key_digest
        self.after = after
        self.wait = wait
        self._last_event_id = last_event_id

    @property
    def named(self) -> bool:
        """True if the request names a version."""
        return self.after is not None

    def check(self, *, stream: bool) -> None:
        """Raise 422 if the request has parameters that do not go together."""
        names = self._request.query_params.keys()
        if not self.named and "wait" in names:
            raise invalid(("query", "wait"), "goes with after_version only", "after_version_missing")
        for name in ("cursor", "from", "to"):
            if (self.named or stream) and name in names:
                raise invalid(("query", name), "does not go with entries after a version", "after_version_given")

    def follower(self, account: Account, caller: Caller, show: Show, *, stream: bool = False) -> "Follower":
        """Return the follower of an account that was just read. Raises 422 if the version is above the account's."""
        place, version = ("query", "after_version"), self.after
        if stream and self._last_event_id is not None:
            place, version = ("header", "Last-Event-ID"), self._last_event_id
        if version is None:
            raise invalid(place, "is required for a stream, unless it has Last-Event-ID", "missing")
        follower = Follower(self._request, self._service, self._key_digest, caller, account.id, version, place, show)
        follower.compare(account)
        return follower


async def follow_request(
    request: Request,
    service: CurrentService,
    key_digest: KeyDigest,
    after_version: Annotated[
        Version | None, Query(description="only entries after this version, oldest first; 0: from the first on")
    ] = None,
    # No default of 0: a generated client would send it, also without after_version.
    wait: Annotated[
        Wait | None, Query(description="with after_version: seconds to wait if there is no entry yet")
    ] = None,
    last_event_id: Annotated[
        Version | None,
        Header(alias="Last-Event-ID", description="version of the last event of a stream; wins over after_version"),
    ] = None,
) -> FollowRequest:
    """Return the account and version that a request follows; a dependency."""
    return FollowRequest(request, service, key_digest, after_version, wait or 0, last_event_id)


FollowOf = Annotated[FollowRequest, Depends(follow_request)]


@dataclass(frozen=True)
class Changes:
    """Entries that followers read together."""

    rows: list[Entry]
    caller: Caller
    show: Show

    @cached_property
    def events(self) -> bytes:
        """The entries as events whose ids are their versions."""
        shown = ((row.version, self.show(row, self.caller).model_dump_json()) for row in self.rows)
        return b"".join(format_sse_event(data_str=text, id=str(version)) for version, text in shown)


class Follower:
    """A request that follows an account: it has every entry up to `version`."""

    def __init__(
        self,
        request: Request,
        service: CurrentService,
        key_digest: bytes,
        caller: Caller,
        account_id: int,
        version: int,
        place: tuple[str, str],
        show: Show,
    ) -> None:
        self._request = request
        self._service = service
        self._followers = service.followers
        self._key_digest = key_digest
        self.caller = caller
        """The caller as they were judged last."""
        self._account_id = account_id
        self._place = place
        self._show = show
        self.version = version

    @contextmanager
    def following(self, known_version: int) -> Iterator[None]:
        """Count as a follower in this context. Raises 503 `overloaded` or 429 beyond the limits of followers."""
        follow = self._followers.follow(account_id=self._account_id, user_id=self.caller.user_id, version=known_version)
        try:
            with follow:
                self._request.state.in_flight.follow()
                yield
        except TooManyFollowers as refusal:
            code, whose = ("too_many_requests", "One user") if refusal.of_user else ("overloaded", "This process")
            detail = f"{whose} may have at most {refusal.limit} requests that follow accounts."
            raise Problem(code, detail, headers={"Retry-After": "5"}) from None

    def compare(self, account: Account) -> None:
        """Raise 422 if the account has not come to this follower's version."""
        if self.version > account.version:
            raise invalid(self._place, f"is above the account's version, {account.version}", "version_to_come")

    async def judge(self) -> None:
        """Raise 401 if the key is invalid by now, 404 if the account is the caller's no more."""
        look = partial(_look_up, key_digest=self._key_digest, account_id=self._account_id)
        caller, account = await self._followers.read(("judge", self._key_digest, self._account_id), look)
        if caller is None:
            self._service.forget_key(self._key_digest)
            raise unauthorized("The API key is revoked or expired.")
        self.compare(visible(account, "account", self._account_id, caller))
        self.caller = caller

    async def read(self, limit: int) -> Changes:
        """Return the next entries, at most `limit`, which the follower then has."""
        account_id, version, caller = self._account_id, self.version, self.caller

        async def work(connection: Connection) -> Changes:
            rows = await EntryRepository(connection).list_after(account_id=account_id, after=version, limit=limit)
            return Changes(rows, caller, self._show)

        # Followers with the same rights share their reads.
        key = ("entries", account_id, version, limit, caller.user_id, caller.role)
        changes = await self._followers.read(key, work)
        if changes.rows:
            self.version = changes.rows[-1].version
        return changes

    async def wait(self, seconds: float) -> None:
        """Wait for an entry, for at most `seconds`. The request's deadline starts when the wait ends."""
        timeout, ends = self._service.settings.request_timeout, time.monotonic() + seconds
        serving = operation.current()
        if serving is not None:
            serving.postpone(seconds + timeout)
        while (left := ends - time.monotonic()) > 0 and not self._followers.ended:
            if await self._wait(min(left, JUDGE_SECONDS)) or await self._request.is_disconnected():
                break
            await self.judge()
        if serving is not None:
            serving.postpone(self._service.drain.within(timeout))

    async def events(self) -> AsyncGenerator[bytes]:
        """Yield entries as events as they come, and comments, until access is lost or the process shuts down.

        If the database is away, the stream goes on, or ends when access must be judged again: it never skips an entry.
        """
        yield format_sse_event(retry=round(RETRY_SECONDS * 1000))
        spoke = time.monotonic()
        judge_at = spoke + JUDGE_SECONDS
        farewell: str | None = None
        while not self._followers.ended:
            if time.monotonic() >= judge_at:
                judge_at = time.monotonic() + JUDGE_SECONDS
                if (farewell := await self._refusal()) is not None:
                    break
            try:
                changes = await self.read(MAX_EVENTS)
            except (Fault, Defect, psycopg.Error):
                await self._followers.pause(1)
                continue
            if changes.rows:
                yield changes.events
                spoke = time.monotonic()
            if len(changes.rows) < MAX_EVENTS:
                await self._wait(min(judge_at, spoke + COMMENT_SECONDS) - time.monotonic())
            if time.monotonic() >= spoke + COMMENT_SECONDS:
                yield KEEPALIVE_COMMENT
                spoke = time.monotonic()
        pause = RETRY_SECONDS * random.uniform(1, 3)  # noqa: S311 - jitter, not a secret
        yield format_sse_event(comment=farewell, retry=round(pause * 1000))

    async def _wait(self, seconds: float) -> bool:
        return await self._followers.wait(account_id=self._account_id, version=self.version, seconds=seconds)

    async def _refusal(self) -> str | None:
        """Judge access in time; return the code for which the stream ends, or None."""
        try:
            async with asyncio.timeout(JUDGE_TIMEOUT_SECONDS):
                await self.judge()
        except Problem as refusal:
            return refusal.code
        except RequestValidationError:
            return "validation_error"
        except (TimeoutError, Fault, Defect, psycopg.Error):
            return "database_unavailable"
        return None


async def _look_up(
    connection: Connection, *, key_digest: bytes, account_id: int
) -> tuple[Caller | None, Account | None]:
    caller = await ApiKeyRepository(connection).authenticate(digest=key_digest)
    return caller, await AccountRepository(connection).get(id=account_id)
