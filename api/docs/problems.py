"""/problems: the documentation of each error, to which the `type` of a problem refers."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from api.docs.html import choose, marked
from api.http.codes import CODES, Code
from api.http.json_bodies import OperationsRoute

router = APIRouter(prefix="/problems", include_in_schema=False, route_class=OperationsRoute)


@router.get("")
async def list_problems(request: Request) -> Response:
    """List the codes of all errors."""
    return choose(request, {"items": [_show(name) for name in CODES]}, "Errors", _table, depth=0)


@router.get("/{code}")
async def get_problem(code: str, request: Request) -> Response:
    """Show the cause of an error, what its request wrote, and whether to repeat it."""
    if code not in CODES:
        raise HTTPException(404)
    return choose(request, _show(code), CODES[code].title, lambda: _entry(code, CODES[code]), depth=1)


def _show(name: str) -> dict[str, Any]:
    code = CODES[name]
    return {
        "code": name,
        "status": code.status,
        "title": code.title,
        "when": code.when,
        "written": code.effect.written,
        "repeat": code.effect.repeat,
    }


def _entry(name: str, code: Code) -> str:
    terms = {
        "Code": f"`{name}`",
        "Status": str(code.status),
        "When": code.when,
        "Written": code.effect.written,
        "Repeat": code.effect.repeat,
    }
    rows = "".join(f"<dt>{term}</dt><dd>{marked(text)}</dd>" for term, text in terms.items())
    return f'<dl>{rows}</dl>\n<p><a href="../problems">All errors</a></p>'


def _table() -> str:
    rows = "".join(
        f'<tr><td>{code.status}</td><td><a href="problems/{name}"><code>{name}</code></a></td>'
        f"<td>{marked(code.when)}</td></tr>"
        for name, code in CODES.items()
    )
    return f"<table><tr><th>Status</th><th>Code</th><th>When</th></tr>{rows}</table>"
