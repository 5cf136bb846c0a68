"""The operators' page: files that Folio serves as they are. What the page shows it asks of /ops/… with a key.

The page itself needs no key and shows nothing without one.
"""

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

router = APIRouter(prefix="/ops", include_in_schema=False)

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {
    path.name: (path.read_bytes(), f"{TYPES[path.suffix]}; charset=utf-8")
    for path in (Path(__file__).parent / "static").iterdir()
    if path.suffix in TYPES
}
HEADERS = {
    # Nothing from elsewhere, nothing inline, and no text that becomes markup.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@router.get("")
async def get_page() -> Response:
    """Show the page."""
    return _file("page.html")


@router.get("/")
async def get_page_elsewhere() -> Response:
    """Lead to the page, from what people type."""
    return RedirectResponse("../ops")


@router.get("/page/{name}")
async def get_file(name: str) -> Response:
    """Show a file that the page asks for."""
    if name not in FILES:
        raise HTTPException(404)
    return _file(name)


def _file(name: str) -> Response:
    content, media_type = FILES[name]
    return Response(content, media_type=media_type, headers=HEADERS)
