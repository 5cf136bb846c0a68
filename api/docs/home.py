"""`GET /`: the name of the service, and the way to its documentation."""

from fastapi import APIRouter, Request, Response

from api.docs.html import choose, marked
from api.http.json_bodies import OperationsRoute

router = APIRouter(include_in_schema=False, route_class=OperationsRoute)

METHODS = "GET, HEAD, OPTIONS"


@router.get("/")
async def get_home(request: Request) -> Response:
    """Show the name and version, and where to read on; a page in a browser, otherwise JSON."""
    home = {
        "name": "Folio",
        "version": request.app.version,
        "docs": "/docs",
        "ops": "/ops",
        "openapi": "/openapi.json",
    }
    return choose(request, home, "Folio", _page, depth=0)


@router.options("/")
async def options_of_home() -> Response:
    """Answer load balancers that check a server with OPTIONS, as HAProxy does."""
    return Response(status_code=204, headers={"Allow": METHODS})


def _page() -> str:
    links = {
        "docs": "Documentation: every route, to read and to try",
        "problems": "Errors: the cause of each code, and whether to repeat the request",
        "openapi.json": "The OpenAPI document, for generators of clients",
        "ops": "Operations: the state of the service, for operators",
    }
    first = "<p>People publish, sell and pay each other. " + marked("`POST /users` registers a user.") + "</p>"
    items = "".join(f'<dt><a href="{path}">/{path}</a></dt><dd>{text}</dd>' for path, text in links.items())
    return f"{first}\n<dl>{items}</dl>"
