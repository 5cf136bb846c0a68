"""The work that is being done: a request or a round of a worker, by name, and where its time went.

Whoever holds a connection does so for some work; the pools and the statements add their time to it.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar


class Work:
    """What somebody would call it, and an id that its log lines carry, if it has one."""

    def __init__(self, name: str, id: str | None = None) -> None:
        self._name = name
        self.id = id
        self.pool_seconds = 0.0
        """Seconds that it waited for connections."""
        self.sql_seconds = 0.0
        """Seconds that it waited for answers to statements."""

    @property
    def name(self) -> str:
        """The worker, the command, or the method and route of a request."""
        return self._name


_current: ContextVar[Work | None] = ContextVar("work", default=None)


def current() -> Work | None:
    """Return the work that is being done, if somebody named it."""
    return _current.get()


@contextlib.contextmanager
def doing(work: Work) -> Iterator[None]:
    """Say what all that runs in this context is for."""
    token = _current.set(work)
    try:
        yield
    finally:
        _current.reset(token)
