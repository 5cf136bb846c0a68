"""Who runs the server of a home: the one process that holds its lock, and whose end, however it comes, frees it."""

import fcntl
import os

from repositories.embedded.home import Home


class Lock:
    """An exclusive flock. Its descriptor is closed in programs that this process starts, PostgreSQL among them."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock if nobody else has it, without waiting; return whether this object holds it now."""
        if self._descriptor is None:
            descriptor = self._home.open(self._home.lock, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock up, if it is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
