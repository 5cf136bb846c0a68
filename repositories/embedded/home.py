"""The folder of one embedded server: its files, its owner and its connection strings.

The home is `postgresql` in the data folder. If root runs Folio and PostgreSQL's user cannot enter the data folder,
`postgresql` is a symbolic link to a folder under /var/lib/folio. The link survives a move of the project folder. Two
copies of a project with such a link share one server, because the lock is in the home.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from repositories.embedded.account import Account, choose
from repositories.embedded.errors import EmbeddedServerError

STATE = Path("/var/lib/folio")
"""Root puts data and programs here if PostgreSQL's user cannot reach the originals."""
NAME = "postgresql"
SUPERUSER = "folio"
PORT = "5432"


@dataclass(frozen=True)
class Home:
    """The folder of one embedded server, by its real path."""

    path: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory; complete if it exists."""
        return self.path / "cluster"

    @property
    def password(self) -> Path:
        """The superuser's password; the file exists if and only if a cluster was created: see `cluster.ensure`."""
        return self.path / "password"

    @property
    def lock(self) -> Path:
        """The process with the flock on this file starts, supervises and stops the server."""
        return self.path / "lock"

    @property
    def startup_log(self) -> Path:
        """The server's output until it opens its own log; overwritten by each start."""
        return self.path / "startup.log"

    @property
    def socket(self) -> Path:
        """The folder of the Unix socket, or a symbolic link to one with a shorter path: see `sockets.make_folder`."""
        return self.path / "socket"

    def password_of(self, user: str) -> str:
        """Return the password of a user; each has its own, and none leads back to that of the superuser.

        Raises EmbeddedServerError if there is no cluster yet.
        """
        try:
            secret = self.password.read_text()
        except FileNotFoundError:
            raise EmbeddedServerError(
                f"No embedded server was started in {self.path} yet. Run folio serve first."
            ) from None
        if user == SUPERUSER:
            return secret
        return hmac.new(secret.encode(), user.encode(), hashlib.sha256).hexdigest()

    def conninfo(self, dbname: str, user: str = SUPERUSER) -> str:
        """Return the connection string of a database, read from the home's files.

        Raises EmbeddedServerError if there is no cluster yet.
        """
        host = str(self.socket.resolve())
        return make_conninfo(host=host, port=PORT, user=user, password=self.password_of(user), dbname=dbname)

    def open(self, path: Path, flags: int) -> int:
        """Open or create a file that only the home's owner can read, and return its descriptor.

        Root may work in a home of another user: root follows no link there, and gives that user each file it creates.
        """
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self.claim(path)
        return descriptor

    def claim(self, path: Path) -> None:
        """As root, make the home's owner the owner of a file."""
        if os.geteuid() == 0:
            owner = self.path.stat()
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter. PostgreSQL's user can pass through a folder of root, not list it."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode)
        folder.chmod(mode)  # mkdir applies the umask


def find(data_dir: Path) -> Home:
    """Return the home of a data folder; it may not exist yet."""
    return Home((data_dir / NAME).resolve())


def ensure(data_dir: Path, announce: Callable[[str], None]) -> tuple[Home, Account]:
    """Return the home of a data folder, created if it is missing, and the account that runs PostgreSQL there.

    Processes may call this at the same time: each gets the same home. Permissions and owners of the folders above the
    home stay as they are.
    """
    entrance = data_dir / NAME
    data_dir.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(entrance):
        account = choose([])
        if os.geteuid() == 0 and not account.enters(data_dir):
            _link_to_state(entrance, account, announce)
        else:
            make_folder(entrance)
    home = find(data_dir)
    _check_owner(home, entrance)
    account = choose([home.cluster, home.path])
    if not account.is_own and not account.enters(home.path):
        raise EmbeddedServerError(
            f"PostgreSQL runs as user {account.name}, and that user cannot enter {home.path}. Move the data folder to a"
            " place that the user can enter, or set FOLIO_DATA_DIR to another folder."
        )
    return home, account


def _link_to_state(entrance: Path, account: Account, announce: Callable[[str], None]) -> None:
    make_folder(STATE)
    target = STATE / secrets.token_hex(8)
    make_folder(target)
    try:
        entrance.symlink_to(target)
    except FileExistsError:  # another process was faster: use its link
        target.rmdir()
        return
    announce(f"User {account.name} cannot enter {entrance.parent}: PostgreSQL's data is in {target}.")


def _check_owner(home: Home, entrance: Path) -> None:
    try:
        owner = home.path.stat().st_uid
    except FileNotFoundError:
        raise EmbeddedServerError(
            f"The data is missing: {entrance} is a link to {home.path}, which does not exist. Restore it, or remove"
            f" {entrance} to start with empty databases."
        ) from None
    if os.geteuid() not in (0, owner):
        raise EmbeddedServerError(
            f"{home.path} belongs to user id {owner}. Run Folio as that user, or set FOLIO_DATA_DIR to another folder."
        )
