"""Several processes share the server of one data folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from repositories.embedded import EmbeddedServer
from repositories.embedded.processes import has_ended
from tests.repositories.embedded.probes import Companion, answers, companion, running_postmaster, wait_for_successor


@pytest.mark.parametrize("end", [Companion.leave, Companion.kill])
def test_a_second_process_joins_and_takes_over(data_dir: Path, end: Callable[[Companion], None]) -> None:
    """It uses the first process's server; within 10 s of the end or kill of that process it runs its own."""
    server = EmbeddedServer(data_dir)
    with companion(data_dir) as peer:
        assert peer.first_line() == "ready"
        first = running_postmaster(data_dir)
        with server.running():
            assert running_postmaster(data_dir) == first
            end(peer)
            wait_for_successor(data_dir, first, server)
            assert has_ended(first)


def test_a_process_that_joined_leaves_the_server_running(data_dir: Path) -> None:
    """A command that ends does not stop the server of `folio serve`."""
    server = EmbeddedServer(data_dir)
    with companion(data_dir) as peer:
        assert peer.first_line() == "ready"
        process = running_postmaster(data_dir)
        with server.running():
            pass
        assert running_postmaster(data_dir) == process
        assert answers(server)


def test_processes_that_start_at_once_on_a_new_folder_share_one_server(folder: Path) -> None:
    """One process creates the cluster, the other waits; both use the same server."""
    with companion(folder / "data") as one, companion(folder / "data") as peer:
        assert (one.first_line(), peer.first_line()) == ("ready", "ready")
        assert answers(EmbeddedServer(folder / "data"))
