"""Small pages for people; a program that prefers JSON gets the same as JSON."""

import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from fastapi import Request, Response

from api.http.answers import answer
from api.http.media_types import HTML, prefers
from api.http.static_files import NO_MARKUP, POLICY, StaticFiles

FOLDER = Path(__file__).parent / "static"
FILES = StaticFiles(FOLDER / "page.css", FOLDER / "icon.svg", policy=POLICY + NO_MARKUP)
PAGE = (FOLDER / "page.html").read_text(encoding="utf-8")
VARY = {"Vary": "Accept"}
_CODE = re.compile(r"`(.*?)`")


def choose(request: Request, shown: Mapping[str, Any], title: str, body: Callable[[], str], *, depth: int) -> Response:
    """Answer with JSON, or with a page for a browser. `depth` is the number of folders between the page and the root.

    Links are relative, so that they also lead there behind a proxy that serves Folio below a path.
    """
    if not prefers(request.headers.get("accept", "*/*"), HTML):
        return answer(shown, headers=VARY)
    page = PAGE.format(title=escape(title, quote=False), root="../" * depth or "./", body=body())
    return FILES.show(page, HTML, VARY)


def marked(text: str) -> str:
    """Return text as HTML; text between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))
