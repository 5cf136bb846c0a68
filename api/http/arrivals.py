"""The bodies of requests in one process, bounded in number and in bytes."""

from collections import OrderedDict
from typing import Protocol

MAX_ARRIVING = 1000
"""Bodies that may be arriving at once; they do not count towards MAX_REQUESTS."""
MAX_BYTES = 64 * 1024 * 1024
"""Bytes of all bodies together, from their arrival until their requests are answered."""


class Arrival(Protocol):
    """A request whose body is arriving."""

    body_size: int

    def refuse(self) -> None:
        """Answer that there is no room, and end the request."""


class Arrivals:
    """Makes room for a new body by refusing the one that has been arriving longest: slow clients give way to fast."""

    def __init__(self) -> None:
        self._arriving: OrderedDict[Arrival, None] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._arriving)

    def begin(self, request: Arrival) -> None:
        """Wait for a body; a no-op if the request waits already."""
        self._arriving[request] = None
        if len(self._arriving) > MAX_ARRIVING:
            self._refuse_longest()

    def add(self, request: Arrival, size: int) -> None:
        """Count a piece of a body."""
        request.body_size += size
        self._bytes += size
        while self._bytes > MAX_BYTES and self._arriving:
            self._refuse_longest()

    def end(self, request: Arrival) -> None:
        """Stop waiting for a body, whose bytes still count."""
        self._arriving.pop(request, None)

    def forget(self, request: Arrival) -> None:
        """Count a body no more."""
        self._arriving.pop(request, None)
        self._bytes -= request.body_size
        request.body_size = 0

    def _refuse_longest(self) -> None:
        longest = next(iter(self._arriving))
        self.forget(longest)
        longest.refuse()
