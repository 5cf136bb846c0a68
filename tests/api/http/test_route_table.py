"""The table of routes finds the route that the routers would find, and leaves every other request to them."""

import itertools

import pytest
from starlette.routing import Match
from starlette.types import Scope

from api.app import ROUTERS, create_app
from api.http.middleware import METHODS
from api.http.route_table import RouteTable
from api.process.settings import Settings

ROUTES = [route for router in ROUTERS for route in router.routes]
SEGMENTS = ("7", "me", "batch", "api-keys", "entries.csv", "")


def _scope(method: str, path: str) -> Scope:
    return {"type": "http", "method": method, "path": path}


def _paths() -> list[str]:
    """Return paths of the form of each route, with numbers and names of other routes in place of parameters."""
    filled = []
    for path in {route.path for route in ROUTES}:
        parts = [SEGMENTS if part.startswith("{") else (part,) for part in path.split("/")]
        filled += ["/".join(choice) for choice in itertools.product(*parts)]
    return [*filled, "/", "//", "/x", "/livez/", "/accounts/7/x", "/accounts%2F7"]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_first_route_that_matches_serves(method: str) -> None:
    """For every form of path and each method, the table and a walk over all routes find the same route."""
    table = RouteTable(ROUTERS)
    for path in _paths():
        walk = (route for route in ROUTES if route.matches(_scope(method, path))[0] is Match.FULL)
        match, found = table.matches(_scope(method, path))
        assert found.get("route") is next(walk, None), path
        assert (match is Match.FULL) == ("route" in found)


def test_the_table_is_the_first_route_of_the_application() -> None:
    """No request is compared with other routes before."""
    assert isinstance(create_app(Settings()).router.routes[0], RouteTable)
