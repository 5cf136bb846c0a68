"""/docs: Swagger UI for the service's own document. Every file comes from Folio, so that it works without the internet.

Swagger UI itself is in the package fastapi-offline.
"""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Response

from api.docs import html
from api.http.etags import NoneMatch
from api.http.json_bodies import OperationsRoute
from api.http.static_files import POLICY, StaticFiles

router = APIRouter(prefix="/docs", include_in_schema=False, route_class=OperationsRoute)

SWAGGER = Path(str(files("fastapi_offline"))) / "static"
FILES = StaticFiles(
    html.FOLDER / "explorer.html",
    html.FOLDER / "explorer.js",
    html.FOLDER / "explorer.css",
    SWAGGER / "swagger-ui-bundle.js",
    SWAGGER / "swagger-ui.css",
    # Swagger UI's style sheet has its pictures inside.
    policy=POLICY.replace("img-src 'self'", "img-src 'self' data:"),
)


@router.get("")
async def get_explorer(known: NoneMatch) -> Response:
    """Serve the page."""
    return FILES.send_tagged("explorer.html", known)


@router.get("/files/{name}")
async def get_file(name: str, known: NoneMatch) -> Response:
    """Serve a file of this page, or of the other pages of the documentation."""
    return (html.FILES if name in html.FILES else FILES).send_tagged(name, known)
