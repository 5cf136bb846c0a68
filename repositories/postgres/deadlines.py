"""The deadline of the request that is being served: one instant that bounds every wait beneath it.

Whoever waits asks `remaining()` and waits no longer. Work that no request started (the command line, migrations) has
no deadline; its statements are still bounded by the session's budgets.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from contextvars import ContextVar


class Deadline:
    """An instant of the event loop's clock by which a request is answered."""

    def __init__(self, seconds: float) -> None:
        self._at = asyncio.get_running_loop().time() + seconds
        self.outcome_unknown = False
        """A COMMIT was sent and not confirmed: whoever answers now may not say that nothing happened."""
        self.committed = False
        """A COMMIT was confirmed: the answer is ready but for its writing, and must not be taken back."""

    def remaining(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._at - asyncio.get_running_loop().time())


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def current() -> Deadline | None:
    """Return the deadline of the request that is being served, if one is."""
    return _current.get()


def remaining(limit: float) -> float:
    """Seconds that a wait may take: `limit`, or what is left of the request if that is less."""
    deadline = _current.get()
    return limit if deadline is None else min(limit, deadline.remaining())


@contextlib.contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """Give all that runs in this context a deadline `seconds` from now."""
    deadline = Deadline(seconds)
    token = _current.set(deadline)
    try:
        yield deadline
    finally:
        _current.reset(token)
