"""Chooses the folder of the server's Unix socket, whose path the operating system limits to 107 bytes."""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from repositories.embedded.account import Account
from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.home import PORT, Home

MAX_PATH_BYTES = 107
NAME = f".s.PGSQL.{PORT}"


def make_folder(home: Home, account: Account) -> Path:
    """Make the socket's folder, which only the account can enter, and return it. Needs the home's lock.

    If the path in the home is too long, the folder is made in the system's folder for temporary files. A symbolic link
    in the home then leads every process to it, even one with another TMPDIR.
    """
    if _fits(home.socket):
        if home.socket.is_symlink():
            home.socket.unlink()
        return _make(home.socket, account)
    digest = hashlib.sha256(os.fsencode(home.path)).hexdigest()[:16]
    folder = _make(Path(tempfile.gettempdir()) / f"folio-{account.uid}-{digest}", account)
    if not _fits(folder):
        raise EmbeddedServerError(
            f"The path {folder} is too long for a Unix socket, or has a comma. Set TMPDIR to a shorter path."
        )
    if not home.socket.is_symlink() or home.socket.readlink() != folder:
        if home.socket.is_dir() and not home.socket.is_symlink():
            shutil.rmtree(home.socket)  # the home had a shorter path before it was moved
        home.socket.unlink(missing_ok=True)
        home.socket.symlink_to(folder)
    return folder


def _fits(folder: Path) -> bool:
    """Return True if libpq can use the folder: its path is short and has no comma, which would separate two hosts."""
    return len(os.fsencode(folder / NAME)) <= MAX_PATH_BYTES and "," not in str(folder)


def _make(folder: Path, account: Account) -> Path:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    # In a shared folder, another user may have made this folder first, to impersonate the server.
    private = stat.filemode(status.st_mode) == "drwx------"
    if not private or status.st_uid not in (account.uid, os.geteuid()):
        raise EmbeddedServerError(
            f"{folder} is not a private folder of user {account.name}. Remove it, or set TMPDIR to another folder."
        )
    account.give(folder)
    return folder


def clear(home: Home) -> None:
    """Remove the socket and the lock file of a killed server. No server of this home may be running.

    PostgreSQL refuses to start if another process has the PID in the lock file.
    """
    for name in (NAME, f"{NAME}.lock"):
        with contextlib.suppress(FileNotFoundError):
            (home.socket / name).unlink()
