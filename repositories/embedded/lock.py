"""The lock of a home: one process at a time runs the server, and the end of that process frees the lock."""

import fcntl
import os

from repositories.embedded.home import Home


class Lock:
    """An exclusive flock. Programs that this process starts, such as PostgreSQL, do not inherit its descriptor."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock without waiting, and return True if this object has it now, False if another process has it."""
        if self._descriptor is None:
            descriptor = self._home.open(self._home.lock, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            self._descriptor = descriptor
        return True

    @property
    def taken(self) -> bool:
        """True if another process has the lock at this moment."""
        if not self.acquire():
            return True
        self.release()
        return False

    def release(self) -> None:
        """Release the lock; a no-op if this object does not have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
