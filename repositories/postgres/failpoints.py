"""Failpoints: the process kills itself before or after a unit of work commits, so that tests can prove recovery."""

import os
import signal

armed: str | None = None
"""The armed failpoint, such as "after reserve", or None; tests set it by FOLIO_FAILPOINT."""


def reach(failpoint: str) -> None:
    """Kill this process with SIGKILL if `failpoint` is armed."""
    if armed == failpoint:
        os.kill(os.getpid(), signal.SIGKILL)
