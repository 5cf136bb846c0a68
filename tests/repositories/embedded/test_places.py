"""Data folders with unusual paths."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from repositories.embedded import EmbeddedServer, EmbeddedServerError
from tests.repositories.embedded.probes import answers, commit_row, companion, has_row, value_of


@pytest.fixture
def temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that replaces the system's folder for temporary files in this test."""
    temporary = folder / "tmp"
    temporary.mkdir()
    temporary.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return temporary


def test_a_path_may_have_spaces_quotes_and_any_letters(folder: Path, copy_template: Callable[[Path], Path]) -> None:
    """A path with such letters works, and if it is short, the socket is in the data folder."""
    data_dir = copy_template(folder / """a b'c"d\\e %s é 本""")
    server = EmbeddedServer(data_dir)
    with server.running():
        assert value_of(server, "SHOW data_directory") == str(data_dir / "postgresql" / "cluster")
        assert (data_dir / "postgresql" / "socket" / ".s.PGSQL.5432").is_socket()


@pytest.mark.parametrize("name", ["l" * 120, "one,two"])
def test_a_path_that_no_socket_can_have_works(
    folder: Path, temporary: Path, copy_template: Callable[[Path], Path], name: str
) -> None:
    """If the path has more than 107 bytes or a comma, the socket is in the folder for temporary files.

    Processes with another folder for temporary files find it as well.
    """
    data_dir = copy_template(folder / name)
    server = EmbeddedServer(data_dir)
    with server.running(), companion(data_dir) as peer:
        assert peer.first_line() == "ready"
        assert answers(server)
        (socket_folder,) = temporary.iterdir()
        assert socket_folder.stat().st_mode & 0o777 == 0o700


def test_a_socket_folder_that_others_can_enter_is_refused(
    folder: Path, temporary: Path, copy_template: Callable[[Path], Path]
) -> None:
    """With access to the socket's folder, another user could impersonate the server."""
    data_dir = copy_template(folder / ("l" * 120))
    with EmbeddedServer(data_dir).running():
        (socket_folder,) = temporary.iterdir()
    socket_folder.chmod(0o755)
    with (
        pytest.raises(EmbeddedServerError, match="is not a private folder"),
        EmbeddedServer(data_dir).running(),
    ):
        pass


def test_a_data_folder_can_be_moved(folder: Path, temporary: Path, copy_template: Callable[[Path], Path]) -> None:
    """The data survives a move from a short path to a long one and back."""
    long, short = folder / ("l" * 120), folder / "short"
    server = EmbeddedServer(copy_template(short))
    with server.running():
        commit_row(server)
    for source, target in ((short, long), (long, short)):
        source.rename(target)
        server = EmbeddedServer(target)
        with server.running():
            assert has_row(server)
