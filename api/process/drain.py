"""Drain: after SIGTERM a process is not ready, but serves for some seconds and closes connections as it answers."""

import asyncio
import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

DRAIN_SECONDS = 9.0
"""Seconds from SIGTERM within which every request is answered: the time that a request may take by default."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""Signals that begin a drain; SIGHUP comes when a terminal is closed."""


def grace(drain_time: float) -> int:
    """Return the seconds that uvicorn may wait for requests in flight after it has closed its sockets."""
    return math.ceil(DRAIN_SECONDS - drain_time)


class Drain:
    """Whether this process is shutting down, and the time by which every request must be answered.

    `on_begin` ends the waits that need not be waited for.
    """

    def __init__(self, on_begin: Callable[[], None] = lambda: None) -> None:
        self.begun = False
        self._on_begin = on_begin
        self._ends = math.inf
        self._in_flight: set[Callable[[], None]] = set()

    def begin(self, seconds: float) -> None:
        """Become not ready, close each connection with its next answer, and answer every request within `seconds`."""
        self.begun = True
        self._on_begin()
        self._ends = min(self._ends, time.monotonic() + seconds)
        for expire in self._in_flight:
            asyncio.get_running_loop().call_later(seconds, expire)

    def within(self, limit: float) -> float:
        """Return `limit`, or the seconds that are left of the drain if those are fewer."""
        return min(limit, max(0.0, self._ends - time.monotonic()))

    @contextlib.contextmanager
    def serving(self, expire: Callable[[], None]) -> Iterator[None]:
        """Serve a request in this context; call `expire` if the drain ends before the request does."""
        self._in_flight.add(expire)
        try:
            yield
        finally:
            self._in_flight.discard(expire)

    @contextlib.contextmanager
    def on_signals(self, seconds: float) -> Iterator[None]:
        """Begin the drain at SIGTERM or SIGHUP, and let uvicorn close its sockets `seconds` later instead of at once.

        Meanwhile a load balancer sees that /readyz fails, and idle connections close with their next answer. Ctrl-C
        does not wait. A second SIGTERM changes nothing: a signal to the process group reaches each worker twice.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGINT)}
        if before[signal.SIGHUP] == signal.SIG_IGN:
            del before[signal.SIGHUP]  # nohup

        def leave(number: int, frame: FrameType | None) -> None:
            # uvicorn knows no SIGHUP: it stops as at SIGTERM.
            number = signal.SIGTERM if number == signal.SIGHUP else number
            then = before[signal.Signals(number)]
            if not callable(then):
                return
            if number == signal.SIGINT:
                # Also during a drain: uvicorn now waits for less time than is left of it.
                loop.call_soon_threadsafe(self.begin, grace(seconds) - 0.5)
                then(number, frame)
            elif not self.begun:
                self.begun = True
                loop.call_soon_threadsafe(self.begin, DRAIN_SECONDS)
                loop.call_soon_threadsafe(loop.call_later, seconds, then, number, None)

        for number in before:
            signal.signal(number, leave)
        try:
            yield
        finally:
            for number, then in before.items():
                signal.signal(number, then)
