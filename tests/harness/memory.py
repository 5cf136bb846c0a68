"""The file system in memory, for test servers that need no disk."""

import os
import shutil

MEMORY_BYTES = 2 << 30
"""Many times the size of all databases of one run and their write-ahead log (109 MB)."""


def memory(min_bytes: int = MEMORY_BYTES) -> str | None:
    """Return the folder of the file system in memory, or None if it has too little space or allows no programs."""
    shm = "/dev/shm"  # noqa: S108 - only the parent of a private folder
    if not os.access(shm, os.W_OK) or os.statvfs(shm).f_flag & os.ST_NOEXEC:
        return None
    return shm if shutil.disk_usage(shm).free > min_bytes else None
