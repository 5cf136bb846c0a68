"""Drain: after SIGTERM a process serves on for a moment, says that it is not ready, and lets its clients go."""

import asyncio
import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

LEAVING = 9.0
"""Seconds from SIGTERM in which every request is answered: as long as one that has just begun may take."""


class Drain:
    """Whether this process is leaving, and by when every request is to be answered."""

    def __init__(self) -> None:
        self.begun = False
        self._ends = math.inf

    def begin(self) -> None:
        """Be not ready from now on, and close each connection with its next answer."""
        self.begun = True
        self._ends = time.monotonic() + LEAVING

    def within(self, limit: float) -> float:
        """Seconds that a request may take: `limit`, or what is left if that is less."""
        return min(limit, max(0.0, self._ends - time.monotonic()))

    @contextlib.contextmanager
    def on_sigterm(self, seconds: float) -> Iterator[None]:
        """Begin at SIGTERM, and do what would have been done then `seconds` later: uvicorn closes its sockets at once.

        Meanwhile a load balancer sees /readyz turn, and kept connections end with an answer. Ctrl-C does not wait.
        """
        then = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread() or not callable(then):
            yield
            return
        loop = asyncio.get_running_loop()

        def leave(number: int, frame: FrameType | None) -> None:
            if self.begun:
                then(number, frame)
                return
            self.begin()
            loop.call_soon_threadsafe(loop.call_later, seconds, then, number, None)

        signal.signal(signal.SIGTERM, leave)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, then)
