"""The operators' page: static files, served without a key. The page reads /ops/… with an operator's key."""

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from api.http.json_bodies import OperationsRoute

router = APIRouter(prefix="/ops", include_in_schema=False, route_class=OperationsRoute)

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {
    path.name: (path.read_bytes(), f"{TYPES[path.suffix]}; charset=utf-8")
    for path in (Path(__file__).parent / "static").iterdir()
    if path.suffix in TYPES
}
HEADERS = {
    # No third parties, no inline script or style, and no text that is parsed as markup.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@router.get("")
async def get_page() -> Response:
    """Serve the page."""
    return _file("page.html")


@router.get("/")
async def redirect_to_page() -> Response:
    """Redirect /ops/ to the page."""
    return RedirectResponse("../ops")


@router.get("/page/{name}")
async def get_file(name: str) -> Response:
    """Serve a file of the page."""
    if name not in FILES:
        raise HTTPException(404)
    return _file(name)


def _file(name: str) -> Response:
    content, media_type = FILES[name]
    return Response(content, media_type=media_type, headers=HEADERS)
