"""Strong ETags: If-None-Match saves a body, If-Match keeps a change from overwriting another.

A tag changes whenever its representation does. `tag` of a row (`repositories.posts`, `products`, `users`) returns it.
"""

import re
from typing import Annotated, Any

from fastapi import Depends, Header, Response
from pydantic import BaseModel

from api.http.answers import answer, etag
from api.http.problems import invalid
from repositories.preconditions import Precondition

_TAGS = re.compile(r'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*|\s*\*\s*')
_TAG = re.compile(r'(W/)?"([^"]*)"')

UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The reader has this representation."}}
"""For OpenAPI."""


async def if_match(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="the ETag that was read, or `*`. A weak one (`W/…`) matches nothing (RFC 9110, 13.1.1); "
            "proxies that compress may weaken tags",
            examples=["*"],
        ),
    ] = None,
) -> Precondition:
    """Return the tags of the representations that the change may be made to. Weak tags match nothing."""
    if if_match is None:
        return Precondition(None)
    if not _TAGS.fullmatch(if_match):
        raise invalid(("header", "If-Match"), 'must be an ETag in quotes, such as "1", or *', "etag_invalid")
    strong = frozenset(value for weak, value in _TAG.findall(if_match) if not weak)
    return Precondition(strong, any_tag=if_match.strip() == "*")


class IfNoneMatch:
    """The tags of the representations that the reader has; a weak tag counts like a strong one (RFC 9110, 13.1.2)."""

    def __init__(self, header: str) -> None:
        self._header = header

    def answer(self, shown: BaseModel, tag: str, *, headers: dict[str, str] | None = None) -> Response:
        """Answer 304 if the reader has this representation, otherwise with it."""
        if self.has(tag):
            return Response(status_code=304, headers={"ETag": etag(tag), **(headers or {})})
        return answer(shown, tag=tag, headers=headers)

    def has(self, tag: str) -> bool:
        """Return True if the reader has the representation with this tag."""
        return self._header.strip() == "*" or tag in {value for _, value in _TAG.findall(self._header)}


async def if_none_match(
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="the ETag of the representation that the reader has")
    ] = None,
) -> IfNoneMatch:
    """Return the representations that the reader has."""
    return IfNoneMatch(if_none_match or "")


Match = Annotated[Precondition, Depends(if_match)]
NoneMatch = Annotated[IfNoneMatch, Depends(if_none_match)]
