"""The file system in memory, for servers whose tests are not about a disk."""

import os
import shutil

ROOM = 2 << 30
"""Bytes: many times what all databases of one run, and their write-ahead log, have grown to (109 MB)."""


def memory(room: int = ROOM) -> str | None:
    """Return the file system in memory if it has so many bytes free and can hold programs: to make a folder in."""
    shm = "/dev/shm"  # noqa: S108 - only as the parent of a folder of our own
    if not os.access(shm, os.W_OK) or os.statvfs(shm).f_flag & os.ST_NOEXEC:
        return None
    return shm if shutil.disk_usage(shm).free > room else None
