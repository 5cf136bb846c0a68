"""The operating-system user that PostgreSQL runs as: never root, because PostgreSQL refuses that."""

import os
import pwd
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from repositories.embedded.errors import EmbeddedServerError

PROBE_TIMEOUT = 20.0
"""Seconds that a look at a folder or a program's version may take: it reads from disk, perhaps a cold and slow one."""


class ProcessOptions(TypedDict, total=False):
    """What `subprocess` needs to start a program as an account."""

    cwd: str
    env: dict[str, str]
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A user of this machine, as whom this process can start programs: itself, or anybody if it is root."""

    uid: int
    gid: int
    name: str

    @property
    def is_own(self) -> bool:
        """Whether this process itself runs as this account."""
        return self.uid == os.geteuid()

    @property
    def process_options(self) -> ProcessOptions:
        """Keyword arguments of `subprocess.Popen` that make the program run as this account, in a plain environment.

        The caller's PG* variables (PGPORT among them) would reconfigure the server, and its locale and time zone would
        be written into a new cluster. The working folder is one that everybody can enter.
        """
        env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        options = ProcessOptions(cwd="/", env=env | {"LC_ALL": "C", "TZ": "UTC"})
        if not self.is_own:
            options |= ProcessOptions(user=self.uid, group=self.gid, extra_groups=[])
        return options

    def failure(self, command: Sequence[str]) -> str | None:
        """Run a command as this account and return why it failed, or None; nothing else predicts that so well."""
        try:
            done = subprocess.run(  # noqa: S603 the commands are constants, paths are their arguments
                command, **self.process_options, capture_output=True, text=True, timeout=PROBE_TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return None if done.returncode == 0 else done.stderr.strip() or f"exit status {done.returncode}"

    def enters(self, folder: Path) -> bool:
        """Whether this account can work in a folder whose path it knows."""
        return self.failure(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]) is None

    def give(self, path: Path) -> None:
        """Make this account the owner of a file or folder that this process just made."""
        if not self.is_own:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def choose(folders: Iterable[Path]) -> Account:
    """Return this process's own user; for root, who already owns one of the folders, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return _of(os.geteuid())
    owners = (folder.stat().st_uid for folder in folders if folder.exists())
    if owner := next((uid for uid in owners if uid != 0), None):
        return _of(owner)
    for name in ("postgres", "nobody"):
        try:
            return _of(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise EmbeddedServerError("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody.")


def _of(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedServerError(
            f"PostgreSQL needs its user to have a name, and user id {uid} has none in /etc/passwd."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)
