"""Keyset pages over HTTP: `limit`, an opaque `cursor`, and the way to the next page."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from api.http.problems import invalid
from api.http.types import Digits
from repositories.postgres.keyset import NEWEST, Keyset, Position
from repositories.postgres.slices import ROWS, sliced

MAX_BYTES = 2 * 1024 * 1024
"""Most bytes of a page's items together; the first item may have more."""

Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(BaseModel, Generic[Item]):
    """One page of a list, newest first; `next_cursor` is null on the last.

    A page has fewer items than `limit` if more would exceed 2 MiB.
    """

    items: list[Item]
    next_cursor: str | None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the name that generated clients give the page, such as AccountPage."""
        return f"{params[0].__name__}Page"


class PageRequest:
    """The page that a request asks for. One row more than `limit` is read: it tells if there is a next page."""

    def __init__(self, request: Request, limit: int, cursor: str | None) -> None:
        self._request = request
        self._list = request.scope["route"].name
        self.limit = limit
        self.rows = limit + 1
        self._cursor = cursor

    def keyset(self) -> Keyset:
        """Return the rows to read, in a list ordered by time and id."""
        if self._cursor is None:
            return Keyset(NEWEST, self.rows)
        try:
            time, row_id = self._decode()
            return Keyset(Position(datetime.fromisoformat(time), _bigint(row_id)), self.rows)
        except (ValueError, TypeError):
            raise _bad_cursor() from None

    def version(self, newest: int) -> int:
        """Return the version before which to read, in a list ordered by version; `newest` without a cursor."""
        if self._cursor is None:
            return newest
        try:
            (version,) = self._decode()
            return _bigint(version)
        except (ValueError, TypeError):
            raise _bad_cursor() from None

    async def answer(
        self,
        rows: Sequence[Row],
        show: Callable[[Row], BaseModel],
        last: Callable[[Row], tuple[str | int, ...]],
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer with the page and its `Link`; `last` returns the position of the last row, for the next page."""
        items = await fitting(rows[: self.limit], show)
        headers, cursor = dict(headers or {}), None
        if len(rows) > len(items):
            cursor = self._encode(last(rows[len(items) - 1]))
            query = dict(self._request.query_params) | {"cursor": cursor}
            headers["Link"] = f'<{self._request.url.path}?{urlencode(query)}>; rel="next"'
        body = b'{"items":[%b],"next_cursor":%b}' % (b",".join(items), json.dumps(cursor).encode())
        return Response(body, headers=headers, media_type="application/json")

    def _encode(self, position: tuple[str | int, ...]) -> str:
        return base64.urlsafe_b64encode(json.dumps([self._list, *position]).encode()).decode().rstrip("=")

    def _decode(self) -> list[Any]:
        """Return the position in the cursor; raise ValueError if it is not a cursor of this list."""
        text = self._cursor or ""
        try:
            name, *position = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        except RecursionError:
            raise ValueError from None
        if name != self._list:
            raise ValueError
        return list(position)


async def fitting(rows: Sequence[Row], show: Callable[[Row], BaseModel]) -> list[bytes]:
    """Return the first rows as JSON, as many as MAX_BYTES allow, but at least one if there is one."""
    items: list[bytes] = []
    size = 0
    async for row in sliced(rows, ROWS):
        item = show(row).model_dump_json().encode()
        size += len(item)
        if items and size > MAX_BYTES:
            break
        items.append(item)
    return items


async def page_request(
    request: Request,
    limit: Annotated[int, Field(ge=1, le=100), Digits, Query(description="most items of the page")] = 50,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before")] = None,
) -> PageRequest:
    """Return the page that a request asks for; a dependency."""
    return PageRequest(request, limit, cursor)


PageOf = Annotated[PageRequest, Depends(page_request)]


class Timed(Protocol):
    """A row of a list that is ordered by time and id."""

    @property
    def id(self) -> int: ...  # noqa: D102

    @property
    def created_at(self) -> datetime: ...  # noqa: D102


def by_time(row: Timed) -> tuple[str, int]:
    """Return what the next page begins after, in a list that is ordered by time and id."""
    return row.created_at.isoformat(), row.id


def _bigint(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError
    return value


def _bad_cursor() -> Exception:
    return invalid(("query", "cursor"), "is not a next_cursor of this list", "cursor_invalid")
