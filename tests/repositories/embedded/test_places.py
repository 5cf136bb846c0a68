"""Data folders with paths of every kind."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from repositories.embedded import EmbeddedServer, EmbeddedServerError
from tests.repositories.embedded.probes import answer, answers, holder, keep, kept


@pytest.fixture
def temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the system's folder for temporary files, for this test."""
    temporary = folder / "tmp"
    temporary.mkdir()
    temporary.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return temporary


def test_a_path_may_have_spaces_quotes_and_any_letters(folder: Path, prepared: Callable[[Path], Path]) -> None:
    """Nothing in a path needs care; short as it is, the socket lies in the data folder."""
    data_dir = prepared(folder / """a b'c"d\\e %s é 本""")
    server = EmbeddedServer(data_dir)
    with server.running():
        assert answer(server, "SHOW data_directory") == str(data_dir / "postgresql" / "cluster")
        assert (data_dir / "postgresql" / "socket" / ".s.PGSQL.5432").is_socket()


@pytest.mark.parametrize("name", ["l" * 120, "one,two"])
def test_a_path_that_no_socket_can_have_is_no_hindrance(
    folder: Path, temporary: Path, prepared: Callable[[Path], Path], name: str
) -> None:
    """A path of more than 107 bytes, or with a comma, has its socket under the folder for temporary files.

    Every other process finds it, whatever its own folder for temporary files is.
    """
    data_dir = prepared(folder / name)
    server = EmbeddedServer(data_dir)
    with server.running(), holder(data_dir) as other:
        assert other.says() == "ready"
        assert answers(server)
        (socket_folder,) = temporary.iterdir()
        assert socket_folder.stat().st_mode & 0o777 == 0o700


def test_a_socket_folder_that_others_can_enter_is_refused(
    folder: Path, temporary: Path, prepared: Callable[[Path], Path]
) -> None:
    """Whoever makes the folder in our place could listen in our place."""
    data_dir = prepared(folder / ("l" * 120))
    with EmbeddedServer(data_dir).running():
        (socket_folder,) = temporary.iterdir()
    socket_folder.chmod(0o755)
    with pytest.raises(EmbeddedServerError, match="is not a folder of user"), EmbeddedServer(data_dir).running():
        pass


def test_a_data_folder_can_be_moved(folder: Path, temporary: Path, prepared: Callable[[Path], Path]) -> None:
    """From a short path to a long one and back, the data comes along."""
    long, short = folder / ("l" * 120), folder / "short"
    server = EmbeddedServer(prepared(short))
    with server.running():
        keep(server)
    for source, target in ((short, long), (long, short)):
        source.rename(target)
        server = EmbeddedServer(target)
        with server.running():
            assert kept(server)
