"""The operators' page: static files, served without a key. The page reads /ops/… with an operator's key."""

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from api.http.answers import NO_STORE
from api.http.json_bodies import OperationsRoute
from api.http.static_files import NO_MARKUP, POLICY, StaticFiles

router = APIRouter(prefix="/ops", include_in_schema=False, route_class=OperationsRoute)

FOLDER = Path(__file__).parent / "static"
FILES = StaticFiles(*FOLDER.iterdir(), policy=POLICY + NO_MARKUP)


@router.get("")
async def get_page() -> Response:
    """Serve the page."""
    return FILES.send("page.html", NO_STORE)


@router.get("/")
async def redirect_to_page() -> Response:
    """Redirect /ops/ to the page."""
    return RedirectResponse("../ops")


@router.get("/page/{name}")
async def get_file(name: str) -> Response:
    """Serve a file of the page."""
    return FILES.send(name, NO_STORE)
