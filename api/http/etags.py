"""Versions as strong ETags: If-None-Match spares a body, If-Match keeps a change from overwriting another."""

import re
from typing import Annotated, Any

from fastapi import Depends, Header, Response

from api.http.problems import Problem, invalid

_TAGS = re.compile(r'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*|\s*\*\s*')
_TAG = re.compile(r'(W/)?"([^"]*)"')


def etag(version: int) -> str:
    """Return the strong ETag of a version."""
    return f'"{version}"'


class IfMatch:
    """The versions that a change may be made to; `*` for any."""

    def __init__(
        self,
        if_match: Annotated[str | None, Header(description="the ETag that was read, or `*`", examples=["*"])] = None,
    ) -> None:
        if if_match is not None and not _TAGS.fullmatch(if_match):
            message = 'must be an ETag in quotes, such as "1", or *'
            raise invalid(("header", "If-Match"), message, "etag_invalid")
        self._header = if_match

    def check(self, version: int) -> None:
        """Raise 428 where the request named no version, 412 where it named others than this."""
        if self._header is None:
            raise Problem("precondition_required", "Send If-Match with the ETag of what you read, or *.")
        if self._header.strip() == "*":
            return
        # Strong comparison: a weak tag matches nothing.
        strong = {value for weak, value in _TAG.findall(self._header) if not weak}
        if str(version) not in strong:
            raise Problem(
                "precondition_failed", f"The resource is at version {version}.", headers={"ETag": etag(version)}
            )


class IfNoneMatch:
    """The versions that a reader has already."""

    def __init__(
        self, if_none_match: Annotated[str | None, Header(description="the ETag of what the reader has")] = None
    ) -> None:
        self._header = if_none_match or ""

    def unchanged(self, version: int, response: Response) -> Response | None:
        """Return 304 with the headers of the whole `response`, where the reader has this version."""
        has = self._header.strip() == "*" or str(version) in {value for _, value in _TAG.findall(self._header)}
        return Response(status_code=304, headers=dict(response.headers)) if has else None


Match = Annotated[IfMatch, Depends()]
NoneMatch = Annotated[IfNoneMatch, Depends()]
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The reader has this version already."}}
"""For OpenAPI."""
