"""/openapi.json: built when a process starts, so that no request waits for it."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from api.docs.completion import complete
from api.docs.descriptions import DESCRIPTION, TAGS
from api.http.answers import etag
from api.http.etags import NoneMatch
from api.http.json_bodies import OperationsRoute

router = APIRouter(include_in_schema=False, route_class=OperationsRoute)


@dataclass(frozen=True)
class Document:
    """The document as it is sent, and its ETag."""

    content: bytes
    tag: str


def describe(app: FastAPI) -> None:
    """Complete the application's OpenAPI document. FastAPI's own routes for it are off: this module has one."""
    generate = app.openapi
    app.description = DESCRIPTION
    app.openapi_tags = [{"name": name, "description": text} for name, text in TAGS.items()]
    app.license_info = {"name": "MIT", "identifier": "MIT"}
    app.servers = [{"url": "/", "description": "This service"}]

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = complete(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def build(app: FastAPI) -> None:
    """Build the document, which takes half a second; a no-op if it is built."""
    if not hasattr(app.state, "document"):
        content = json.dumps(app.openapi(), ensure_ascii=False, separators=(",", ":")).encode()
        app.state.document = Document(content, hashlib.sha256(content).hexdigest()[:32])


@router.get("/openapi.json")
async def get_document(request: Request, known: NoneMatch) -> Response:
    """Serve the document."""
    document: Document = request.app.state.document
    headers = {"ETag": etag(document.tag)}
    if known.has(document.tag):
        return Response(status_code=304, headers=headers)
    return Response(document.content, media_type="application/json", headers=headers)
