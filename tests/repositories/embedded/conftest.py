"""A data folder for each test; a test that leaves a server running in it fails."""

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repositories.embedded import EmbeddedServer
from tests.harness.memory import folder_in_memory
from tests.harness.processes import until
from tests.repositories.embedded.probes import RECOVERY_SECONDS, postgres_below


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder that every user can enter, unlike pytest's; fail if a server is left running in it."""
    with folder_in_memory("folio-test-") as folder:
        try:
            yield folder
            until(lambda: not postgres_below(folder), RECOVERY_SECONDS)
        finally:
            for process in postgres_below(folder):
                process.kill()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder after its first run, made once for all workers, because initdb is slow."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    template = shared / "embedded"
    with (shared / "embedded.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            with folder_in_memory("folio-test-") as scratch:
                with EmbeddedServer(scratch).running():
                    pass
                _copy(scratch, template)
    return template


@pytest.fixture
def copy_template(template: Path) -> Callable[[Path], Path]:
    """Return a function that copies the template to a path and returns the path."""

    def copy(data_dir: Path) -> Path:
        _copy(template, data_dir)
        return data_dir

    return copy


@pytest.fixture
def data_dir(folder: Path, copy_template: Callable[[Path], Path]) -> Path:
    """Return a data folder after its first run."""
    return copy_template(folder / "data")


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)
    target.chmod(0o755)
