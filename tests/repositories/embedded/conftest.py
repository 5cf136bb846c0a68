"""Folders for servers, one for each test, in which nothing may be left running."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repositories.embedded import EmbeddedServer
from tests.harness.memory import memory
from tests.repositories.embedded.probes import eventually, postgres_below


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder that every user can enter, unlike pytest's own; a test that leaves a server in it fails."""
    folder = Path(tempfile.mkdtemp(prefix="folio-test-", dir=memory())).resolve()
    folder.chmod(0o755)
    try:
        yield folder
        eventually(lambda: not postgres_below(folder))
    finally:
        for process in postgres_below(folder):
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder after its first run, made once for all workers: initdb is most of what a test would take."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    template = shared / "embedded"
    with (shared / "embedded.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            with tempfile.TemporaryDirectory(prefix="folio-test-", dir=memory()) as scratch:
                Path(scratch).chmod(0o755)
                with EmbeddedServer(Path(scratch)).running():
                    pass
                _copy(Path(scratch), template)
    return template


@pytest.fixture
def prepared(template: Path) -> Callable[[Path], Path]:
    """Lay a copy of the template at a path, and return the path."""

    def lay(data_dir: Path) -> Path:
        _copy(template, data_dir)
        return data_dir

    return lay


@pytest.fixture
def data_dir(folder: Path, prepared: Callable[[Path], Path]) -> Path:
    """Return a data folder after its first run."""
    return prepared(folder / "data")


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)
    target.chmod(0o755)
