"""Where the server's Unix socket lies: a path of at most 107 bytes, which is all that the system's address holds."""

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

LIMIT = 107
NAME = f".s.PGSQL.{PORT}"


def prepare(home: Home, account: Account) -> Path:
    """Make the socket's folder for the account alone, and return it; only the holder of the lock may.

    In the home where that path is short enough, else under the system's folder for temporary files, with a symbolic
    link in the home by which every process finds it, whatever its TMPDIR.
    """
    if _fits(home.socket):
        if home.socket.is_symlink():
            home.socket.unlink()
        return _make(home.socket, account)
    digest = hashlib.sha256(os.fsencode(home.path)).hexdigest()[:16]
    folder = _make(Path(tempfile.gettempdir()) / f"folio-{account.uid}-{digest}", account)
    if not _fits(folder):
        raise EmbeddedServerError(f"The path of {folder} is too long for a Unix socket; set TMPDIR to a shorter one.")
    if not home.socket.is_symlink() or home.socket.readlink() != folder:
        if home.socket.is_dir() and not home.socket.is_symlink():
            shutil.rmtree(home.socket)  # the home was moved here from where its path was short
        home.socket.unlink(missing_ok=True)
        home.socket.symlink_to(folder)
    return folder


def _fits(folder: Path) -> bool:
    """Whether libpq can name the folder: it must be short enough, and a comma would separate two hosts."""
    return len(os.fsencode(folder / NAME)) <= LIMIT and "," not in str(folder)


def _make(folder: Path, account: Account) -> Path:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    # In a folder for everybody, somebody else may have made this one first, to listen in our place.
    private = stat.filemode(found.st_mode) == "drwx------"
    if not private or found.st_uid not in (account.uid, os.geteuid()):
        raise EmbeddedServerError(
            f"{folder} is not a folder of user {account.name} alone; remove it, or set TMPDIR to another place."
        )
    account.give(folder)
    return folder


def clear(home: Home) -> None:
    """Remove the socket and its lock file, which a killed server leaves; only when no server of this home lives.

    PostgreSQL would refuse to start if the PID in the lock file belongs to another process by now.
    """
    for name in (NAME, f"{NAME}.lock"):
        with contextlib.suppress(FileNotFoundError):
            (home.socket / name).unlink()
