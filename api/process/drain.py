"""Drain: after SIGTERM a process serves on for a moment, says that it is not ready, and lets its clients go."""

import asyncio
import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

LEAVING = 9.0
"""Seconds from SIGTERM in which every request is answered: as long as one that has just begun may take."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""The signals that begin a drain. SIGHUP comes when a terminal is closed."""


def grace(drain_time: float) -> int:
    """Return the seconds that uvicorn may wait for requests once it takes no others."""
    return math.ceil(LEAVING - drain_time)


class Drain:
    """Whether this process is leaving, and by when every request is to be answered."""

    def __init__(self) -> None:
        self.begun = False
        self._ends = math.inf
        self._under_way: set[Callable[[], None]] = set()

    def begin(self, seconds: float) -> None:
        """Be not ready from now on, close each connection with its next answer, and be done within `seconds`."""
        self.begun = True
        self._ends = time.monotonic() + seconds
        for expire in self._under_way:
            asyncio.get_running_loop().call_later(seconds, expire)

    def within(self, limit: float) -> float:
        """Seconds that something may take: `limit`, or what is left if that is less."""
        return min(limit, max(0.0, self._ends - time.monotonic()))

    @contextlib.contextmanager
    def serving(self, expire: Callable[[], None]) -> Iterator[None]:
        """Serve a request that `expire` answers at once, should it outlast the drain."""
        self._under_way.add(expire)
        try:
            yield
        finally:
            self._under_way.discard(expire)

    @contextlib.contextmanager
    def on_signals(self, seconds: float) -> Iterator[None]:
        """Begin at SIGTERM or SIGHUP, and let uvicorn close its sockets `seconds` later: it would do so at once.

        Meanwhile a load balancer sees /readyz turn, and kept connections end with an answer. Ctrl-C does not wait. A
        second SIGTERM changes nothing: whoever signals a group reaches a worker twice.
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
                if not self.begun:
                    loop.call_soon_threadsafe(self.begin, grace(seconds) - 0.5)
                then(number, frame)
            elif not self.begun:
                self.begun = True
                loop.call_soon_threadsafe(self.begin, LEAVING)
                loop.call_soon_threadsafe(loop.call_later, seconds, then, number, None)

        for number in before:
            signal.signal(number, leave)
        try:
            yield
        finally:
            for number, then in before.items():
                signal.signal(number, then)
