"""Failpoints: the process kills itself before or after a named unit of work commits, so that tests see what is lost."""

import os
import signal

armed: str | None = None
"""The armed place, such as "after reserve"; FOLIO_FAILPOINT sets it in tests."""


def reach(place: str) -> None:
    """Kill this process with SIGKILL if `place` is armed."""
    if armed == place:
        os.kill(os.getpid(), signal.SIGKILL)
