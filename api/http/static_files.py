"""Files for browsers, read once and served under a policy without third parties and inline script."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from fastapi import Response
from starlette.exceptions import HTTPException

from api.http.answers import etag
from api.http.etags import IfNoneMatch

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
NO_MARKUP = "; require-trusted-types-for 'script'; trusted-types 'none'"
"""Continues a policy: no text is parsed as markup."""


class StaticFiles:
    """The files of a page by name, each with the headers of the page."""

    def __init__(self, *paths: Path, policy: str) -> None:
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        self._files = {path.name: path.read_bytes() for path in paths if path.suffix in TYPES}
        self._tags = {name: hashlib.sha256(content).hexdigest()[:32] for name, content in self._files.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def send(self, name: str, headers: dict[str, str]) -> Response:
        """Answer with a file. Raises 404 if there is none of this name."""
        if name not in self._files:
            raise HTTPException(404)
        return self.show(self._files[name], TYPES[Path(name).suffix], headers)

    def send_tagged(self, name: str, known: IfNoneMatch) -> Response:
        """Answer with a file and its ETag, or 304 if the reader has it. Raises 404 if there is none of this name."""
        headers = {"ETag": etag(self._tags.get(name, ""))}
        if name in self._files and known.has(self._tags[name]):
            return Response(status_code=304, headers=headers)
        return self.send(name, headers)

    def show(self, content: bytes | str, media_type: str, headers: dict[str, str]) -> Response:
        """Answer with a page of the files."""
        return Response(content, media_type=f"{media_type}; charset=utf-8", headers=self._headers | headers)
