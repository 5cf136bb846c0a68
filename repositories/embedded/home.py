"""The folder of one embedded server: what lies in it, who may use it, and how to connect.

It is `postgresql` in the data folder, or a symbolic link of that name to a folder under /var/lib/folio, where root runs
Folio and PostgreSQL's user cannot enter the data folder. The link travels with a project folder that is moved; and two
copies of a project share one server, since the lock lies beside the data.
"""

import contextlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from repositories.embedded.account import Account, choose
from repositories.embedded.errors import EmbeddedServerError

STATE = Path("/var/lib/folio")
"""Where root keeps what PostgreSQL's user cannot reach at its own place."""
NAME = "postgresql"
SUPERUSER = "folio"
PORT = "5432"


@dataclass(frozen=True)
class Home:
    """The folder of one embedded server, by its real path."""

    path: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory; complete if it is there at all."""
        return self.path / "cluster"

    @property
    def password(self) -> Path:
        """The superuser's password. It is there if and only if a cluster was made: see `cluster.prepare`."""
        return self.path / "password"

    @property
    def lock(self) -> Path:
        """Who holds the flock on this file starts, supervises and stops the server."""
        return self.path / "lock"

    @property
    def startup_log(self) -> Path:
        """What the server says before it opens its own log, from the last start only."""
        return self.path / "startup.log"

    @property
    def socket(self) -> Path:
        """The folder of the Unix socket, or a symbolic link to one whose path is shorter: see `sockets.prepare`."""
        return self.path / "socket"

    def conninfo(self, dbname: str) -> str:
        """Return the connection string for a database, from the files alone; raise if no cluster was made yet.

        It names all that libpq would otherwise take from PGHOST, PGPORT, PGUSER and the like.
        """
        try:
            password = self.password.read_text()
        except FileNotFoundError:
            raise EmbeddedServerError(f"No embedded server was started in {self.path} yet.") from None
        host = str(self.socket.resolve())
        return make_conninfo(host=host, port=PORT, user=SUPERUSER, password=password, dbname=dbname)

    def open(self, path: Path, flags: int) -> int:
        """Open or make a file of this folder, readable to the folder's owner only, and return its descriptor.

        Root may work in a folder that is somebody else's: it follows no link there, and what it makes is theirs.
        """
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self.claim(path)
        return descriptor

    def claim(self, path: Path) -> None:
        """Make a file of this folder its owner's, where root has made it or given it to somebody else."""
        if os.geteuid() == 0:
            owner = self.path.stat()
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_folder(folder: Path) -> None:
    """Make a folder for its owner alone; where that is root, PostgreSQL's user passes through but sees no names."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode)
        folder.chmod(mode)  # whatever the umask


def find(data_dir: Path) -> Home:
    """Return the home that belongs to a data folder, whether it was made yet or not."""
    return Home((data_dir / NAME).resolve())


def prepare(data_dir: Path, announce: Callable[[str], None]) -> tuple[Home, Account]:
    """Return a data folder's home, made if need be, and the account that runs PostgreSQL there.

    Any number of processes may do this at once: they come to the same decision, and making a folder or a link happens
    once. Folders above the home are neither opened nor given away.
    """
    entrance = data_dir / NAME
    data_dir.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(entrance):
        account = choose([])
        if os.geteuid() == 0 and not account.enters(data_dir):
            _settle_elsewhere(entrance, account, announce)
        else:
            make_folder(entrance)
    home = find(data_dir)
    _check_owner(home, entrance)
    account = choose([home.cluster, home.path])
    if not account.is_own and not account.enters(home.path):
        raise EmbeddedServerError(
            f"User {account.name}, as whom PostgreSQL runs here, cannot enter {home.path}. Move the data folder to"
            " where it can, or name another one with FOLIO_DATA_DIR."
        )
    return home, account


def _settle_elsewhere(entrance: Path, account: Account, announce: Callable[[str], None]) -> None:
    make_folder(STATE)
    target = STATE / secrets.token_hex(8)
    make_folder(target)
    try:
        entrance.symlink_to(target)
    except FileExistsError:  # another process was faster; its choice holds
        target.rmdir()
        return
    announce(f"User {account.name} cannot enter {entrance.parent}: the data lies in {target}.")


def _check_owner(home: Home, entrance: Path) -> None:
    try:
        owner = home.path.stat().st_uid
    except FileNotFoundError:
        raise EmbeddedServerError(
            f"The data is gone: {entrance} leads to {home.path}, which does not exist. Bring it back, or remove"
            f" {entrance} to begin with empty databases."
        ) from None
    if os.geteuid() not in (0, owner):
        raise EmbeddedServerError(
            f"{home.path} belongs to user id {owner}: run Folio as that user, or name another folder with"
            " FOLIO_DATA_DIR."
        )
