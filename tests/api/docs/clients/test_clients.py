"""Generated clients pass the strictest check of their language, and complete the README's walkthrough."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.harness import REPOSITORY
from tests.harness.launcher import PATIENCE
from tests.harness.world import World

HERE = Path(__file__).parent
LOCK = REPOSITORY / "locks" / "npm" / "package-lock.json"
PROGRAMS = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program to its end, and return what it printed; fail with that if its exit status is not 0."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def document(application: FastAPI, tmp_path: Path) -> Path:
    """The OpenAPI document in a file."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(application.openapi()), encoding="utf-8")
    return path


@pytest.fixture
def node_folder() -> Iterator[Path]:
    """A folder from which Node finds the locked packages; skips the test if they cannot be installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no Node here: apt-get install nodejs npm")
    installed = subprocess.run(
        ["make", "--no-print-directory", ".venv/npm/ready"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if installed.returncode:
        pytest.skip(f"npm cannot install the locked packages: {installed.stderr.strip()[-200:]}")
    with tempfile.TemporaryDirectory(dir=REPOSITORY / ".venv" / "npm", prefix="client-") as folder:
        yield Path(folder)


async def test_a_python_client_completes_the_walkthrough(
    document: Path, address: str, world: World, tmp_path: Path
) -> None:
    """openapi-python-client warns of nothing; mypy is strict on the client and on the program that uses it."""
    (tmp_path / "settings.yaml").write_text("post_hooks: []\n")
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\n")
    shutil.copy(HERE / "walkthrough.py", tmp_path)
    options = ("--meta", "none", "--output-path", "folio_client", "--config", "settings.yaml", "--fail-on-warning")
    run(PROGRAMS / "openapi-python-client", "generate", "--path", document, *options, cwd=tmp_path)
    run(PROGRAMS / "mypy", "--config-file", "mypy.ini", "walkthrough.py", "folio_client", cwd=tmp_path)
    bank = await world.person("bank", role="operator")
    assert run(sys.executable, "walkthrough.py", address, bank.api_key, cwd=tmp_path) == "completed\n"


async def test_a_typescript_client_completes_the_walkthrough(
    document: Path, address: str, world: World, node_folder: Path
) -> None:
    """openapi-typescript makes the types and openapi-fetch the requests; tsc is strict."""
    for name in ("walkthrough.ts", "tsconfig.json"):
        shutil.copy(HERE / name, node_folder)
    programs = node_folder.parent / "node_modules" / ".bin"
    run(programs / "openapi-typescript", document, "-o", "folio.ts", "--default-non-nullable=false", cwd=node_folder)
    run(programs / "tsc", "--project", ".", cwd=node_folder)
    bank = await world.person("bank", role="operator")
    assert run("node", "walkthrough.js", address, bank.api_key, cwd=node_folder) == "completed\n"


def test_npm_packages_are_locked_by_hash_and_name_no_registry() -> None:
    """Each package of the lock file has a hash and no address: npm asks the registry that a machine is set to."""
    packages = {name: package for name, package in json.loads(LOCK.read_text())["packages"].items() if name}
    assert len(packages) > 30
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name
