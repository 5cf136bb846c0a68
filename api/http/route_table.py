"""A table of all routes: a request is matched only with the routes of its method and form of path."""

from collections import defaultdict
from collections.abc import Iterable

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

Form = tuple[str, str, int]
"""Method, first segment of the path, number of slashes."""


class RouteTable(BaseRoute):
    """Stands before the included routers and serves their routes; they serve any other request, with 404 or 405."""

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        self._routes: dict[Form, list[APIRoute]] = defaultdict(list)
        for route in (route for router in routers for route in router.routes if isinstance(route, APIRoute)):
            first = route.path.split("/", 2)[1]
            if "{" not in first and ":path}" not in route.path:
                for method in route.methods or ():
                    self._routes[method, first, route.path.count("/")].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return the first route that serves the request."""
        path = scope["path"]
        if scope["type"] == "http" and path.startswith("/"):
            for route in self._routes.get((scope["method"], path.split("/", 2)[1], path.count("/")), ()):
                match, child_scope = route.matches(scope)
                if match is Match.FULL:
                    return match, child_scope
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request with the route that matched."""
        await scope["route"].handle(scope, receive, send)
