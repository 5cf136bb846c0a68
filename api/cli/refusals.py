"""The answer to a request that a connection refuses before the application sees it."""

import asyncio
from typing import Any, cast

from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class RefusedHead(Exception):
    """The headers of a request exceed a limit; the connection answers this problem and is closed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def refusal_of(connection: HttpToolsProtocol, code: str, detail: str) -> RequestResponseCycle:
    """Return a request that RequestMiddleware answers with a problem; the connection is closed after it."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": connection.asgi_version, "spec_version": "2.3"},
        "http_version": "1.1",
        "server": connection.server,
        "client": connection.client,
        "scheme": connection.scheme,
        "root_path": connection.root_path,
        "method": "-",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
        "state": {**connection.app_state, "refusal": (code, detail)},
    }
    return RequestResponseCycle(
        scope=cast(HTTPScope, scope),
        transport=connection.transport,
        flow=connection.flow,
        logger=connection.logger,
        access_logger=connection.access_logger,
        access_log=False,
        default_headers=connection.server_state.default_headers,
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=False,
        on_response=connection.on_response_complete,
    )
