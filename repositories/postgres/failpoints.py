"""Failpoints: places where a test may have this process killed, to see that nothing is lost with it."""

import os
import signal

armed: str | None = None
"""The place, such as "after reserve". FOLIO_FAILPOINT sets it, which only tests do."""


def reach(place: str) -> None:
    """Kill this process, as the kernel would, where a test armed this place."""
    if armed == place:
        os.kill(os.getpid(), signal.SIGKILL)
