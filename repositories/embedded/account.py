"""The operating-system user that PostgreSQL runs as; never root, because PostgreSQL refuses to run as root."""

import os
import pwd
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from repositories.embedded.errors import EmbeddedServerError

PROBE_TIMEOUT_SECONDS = 20.0
"""For a check of a folder or of a program's version: the disk may be cold and slow."""


class ProcessOptions(TypedDict, total=False):
    """Keyword arguments of `subprocess.Popen` that run a program as an account."""

    cwd: str
    env: dict[str, str]
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A user of this machine. Only root can start programs as an account other than its own."""

    uid: int
    gid: int
    name: str

    @property
    def is_own(self) -> bool:
        """True if this process runs as this account."""
        return self.uid == os.geteuid()

    @property
    def process_options(self) -> ProcessOptions:
        """Keyword arguments of `subprocess.Popen` that run a program as this account, in a plain environment.

        PG* variables such as PGPORT are dropped, because they would reconfigure the server. Locale and time zone are
        fixed, because initdb writes them into a new cluster. Every account can enter the working folder.
        """
        env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        options = ProcessOptions(cwd="/", env=env | {"LC_ALL": "C", "TZ": "UTC"})
        if not self.is_own:
            options |= ProcessOptions(user=self.uid, group=self.gid, extra_groups=[])
        return options

    def failure(self, command: Sequence[str]) -> str | None:
        """Run a command as this account and return the reason if it fails, else None."""
        try:
            completed = subprocess.run(  # noqa: S603 the commands are constants, paths are their arguments
                command,
                **self.process_options,
                capture_output=True,
                text=True,
                timeout=PROBE_TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return None if completed.returncode == 0 else completed.stderr.strip() or f"exit status {completed.returncode}"

    def enters(self, folder: Path) -> bool:
        """Return True if this account can enter a folder by its path."""
        return self.failure(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]) is None

    def give(self, path: Path) -> None:
        """Make this account the owner of a file or folder that this process has just created."""
        if not self.is_own:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def choose(folders: Iterable[Path]) -> Account:
    """Return the account of this process or, if that is root, the first unprivileged owner of the folders.

    If root owns all of them, return `postgres`, else `nobody`.
    """
    if os.geteuid() != 0:
        return _account_of(os.geteuid())
    owners = (folder.stat().st_uid for folder in folders if folder.exists())
    if owner := next((uid for uid in owners if uid != 0), None):
        return _account_of(owner)
    for name in ("postgres", "nobody"):
        try:
            return _account_of(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise EmbeddedServerError(
        "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody."
        " Run Folio as another user, or create the user postgres."
    )


def _account_of(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedServerError(
            f"PostgreSQL must run as a user with a name, and user id {uid} has none in /etc/passwd. Add an entry for"
            " it, or run Folio as another user."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)
