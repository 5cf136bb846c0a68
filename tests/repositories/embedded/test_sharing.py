"""Several processes, one data folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from repositories.embedded import EmbeddedServer
from tests.repositories.embedded.probes import Holder, answers, ended, eventually, holder, running_postmaster, successor


@pytest.mark.parametrize("end", [Holder.leave, Holder.kill])
def test_a_second_process_joins_and_takes_over(data_dir: Path, end: Callable[[Holder], None]) -> None:
    """It uses the server of the first, and runs its own within 10 s of the first one's end, however that came."""
    server = EmbeddedServer(data_dir)
    with holder(data_dir) as other:
        assert other.says() == "ready"
        first = running_postmaster(data_dir)
        with server.running():
            assert running_postmaster(data_dir) == first
            end(other)
            eventually(successor(data_dir, first, server))
            assert ended(first)


def test_who_joined_leaves_the_server_running(data_dir: Path) -> None:
    """A command beside `folio serve` does not stop what serves."""
    server = EmbeddedServer(data_dir)
    with holder(data_dir) as other:
        assert other.says() == "ready"
        process = running_postmaster(data_dir)
        with server.running():
            pass
        assert running_postmaster(data_dir) == process
        assert answers(server)


def test_processes_that_start_at_once_on_a_new_folder_share_one_server(folder: Path) -> None:
    """One makes the cluster, the other waits for it; both get to the same server."""
    with holder(folder / "data") as one, holder(folder / "data") as other:
        assert (one.says(), other.says()) == ("ready", "ready")
        assert answers(EmbeddedServer(folder / "data"))
