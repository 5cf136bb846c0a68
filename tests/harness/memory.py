"""Folders in memory, for test servers that need no disk."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY_BYTES = 2 << 30
"""Many times the size of all databases of one run and their write-ahead log (109 MB)."""


@contextmanager
def folder_in_memory(prefix: str, min_bytes: int = MEMORY_BYTES) -> Iterator[Path]:
    """Yield a temporary folder, in memory if there is space, which PostgreSQL's unprivileged user can enter."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_memory(min_bytes))).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _memory(min_bytes: int) -> str | None:
    """Return the file system in memory, or None if it has too little space or allows no programs."""
    shm = "/dev/shm"  # noqa: S108 - only the parent of a private folder
    if not os.access(shm, os.W_OK) or os.statvfs(shm).f_flag & os.ST_NOEXEC:
        return None
    return shm if shutil.disk_usage(shm).free > min_bytes else None
