"""Arriving bodies: which one gives way."""

import pytest

from api.http import arrivals
from api.http.arrivals import Arrivals


class Request:
    """A request that is told to end."""

    def __init__(self) -> None:
        self.body_size = 0
        self.refused = False

    def refuse(self) -> None:
        self.refused = True


def test_the_longest_arrival_gives_way_to_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of a body count until its request is answered, and a body that has arrived is never refused."""
    monkeypatch.setattr(arrivals, "MAX_BYTES", 100)
    bodies = Arrivals()
    arrived, slow, slower = Request(), Request(), Request()
    for request in (arrived, slow, slower):
        bodies.begin(request)
        bodies.add(request, 30)
    bodies.end(arrived)
    bodies.add(slower, 20)
    assert [request.refused for request in (arrived, slow, slower)] == [False, True, False]
    bodies.add(slower, 30)
    assert [request.refused for request in (arrived, slow, slower)] == [False, True, True]
    bodies.forget(arrived)
    newcomer = Request()
    bodies.begin(newcomer)
    bodies.add(newcomer, 100)
    assert not newcomer.refused


def test_the_longest_arrival_gives_way_to_a_newcomer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that waits for a second piece of its body is no newcomer."""
    monkeypatch.setattr(arrivals, "MAX_ARRIVING", 2)
    bodies = Arrivals()
    requests = [Request() for _ in range(3)]
    for request in (requests[0], requests[1], requests[0], requests[2]):
        bodies.begin(request)
    assert [request.refused for request in requests] == [True, False, False]
    assert len(bodies) == 2
