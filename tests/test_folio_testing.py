"""The pytest plugin for projects that use Folio, as such a project would install and use it."""

import json
import re
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.harness import REPOSITORY
from tests.harness.launcher import PATIENCE
from tests.harness.processes import command, environment

DISTRIBUTION = REPOSITORY / "testing/folio_testing"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the distribution, unpacked as pip would."""
    folder = tmp_path_factory.mktemp("installed")
    uv = Path(sys.executable).with_name("uv")
    options = ["--wheel", "--offline", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(folder)]
    subprocess.run([uv, "build", "--quiet", *options, DISTRIBUTION], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_tests_of_its_readme_pass_in_a_project_that_has_an_api_package_of_its_own(
    installed: Path, tmp_path: Path
) -> None:
    """The negative control, a client that takes a new key for each try, pays twice."""
    (block,) = re.findall(r"```python\n(.*?)```", (DISTRIBUTION / "README.md").read_text(), re.DOTALL)
    (tmp_path / "api").mkdir()
    (tmp_path / "api/__init__.py").write_text("OWN = True\n")
    (tmp_path / "test_payments.py").write_text("import api\n" + block + "\ndef test_own_api():\n    assert api.OWN\n")
    careless = block.replace(
        "    for attempt in range(10):\n", "    for attempt in range(10):\n        headers['Idempotency-Key'] += '!'\n"
    )
    (tmp_path / "test_careless.py").write_text(careless)
    settings = {"FOLIO_COMMAND": str(Path(sys.executable).with_name("folio")), "PYTHONPATH": str(installed)}
    arguments = ["-q", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=tmp_path, env=environment(settings), capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "1 failed, 6 passed" in run.stdout, run.stdout + run.stderr
    assert "FAILED test_careless.py::test_a_lost_answer_pays_once" in run.stdout


def test_an_ephemeral_service_has_an_operator_and_no_limits_and_leaves_nothing() -> None:
    """It prints one line, and its folder, its databases and its processes end with it."""
    with tempfile.TemporaryDirectory(prefix="folio-test-") as folder:
        Path(folder).chmod(0o777)  # as root, PostgreSQL runs as another user
        folio = subprocess.Popen(
            [Path(sys.executable).with_name("folio"), "serve", "--ephemeral"],
            env=environment({"TMPDIR": folder}), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert folio.stdout is not None
        try:
            started = json.loads(folio.stdout.readline())
            with httpx.Client(base_url=started["url"], timeout=PATIENCE) as http:
                operator = {"Authorization": f"Bearer {started['api_key']}"}
                me = http.get("/users/me", headers=operator).json()
                assert (me["id"], me["username"], me["role"]) == (started["id"], "operator", "operator")
                for number in range(40):
                    assert http.post(
                        "/users", json={"username": f"u{number}", "email": f"u{number}@example.com"}
                    ).is_success
            with psycopg.connect(started["databases"]["main"]) as main:
                assert main.execute("SELECT count(*) FROM users").fetchone() == (41,)
        finally:
            folio.send_signal(signal.SIGTERM)
            assert folio.communicate(timeout=PATIENCE)[0] == ""
        assert folio.returncode == 0
        assert list(Path(folder).iterdir()) == []
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(started["databases"]["main"])


def test_an_ephemeral_service_refuses_databases_that_are_not_empty() -> None:
    refused = command("serve", "--ephemeral", settings={"FOLIO_MAIN_DATABASE_URL": "postgresql://127.0.0.1/books"})
    assert (refused.returncode, refused.stderr) == (
        2,
        "error: --ephemeral brings its own databases: unset FOLIO_MAIN_DATABASE_URL.\n",
    )


def test_an_operator_has_the_key_of_a_file(tmp_path: Path, databases: dict[str, str]) -> None:
    """`folio migrate` gives it once, and refuses what is no key and a key that was revoked."""
    settings = {f"FOLIO_{name.upper()}_DATABASE_URL": url for name, url in databases.items()}
    settings["FOLIO_OPERATOR_KEY_FILE"] = str(tmp_path / "key")
    unreadable = command("migrate", settings=settings)
    assert (unreadable.returncode, "cannot be read" in unreadable.stderr) == (2, True)
    (tmp_path / "key").write_text("secret\n")
    malformed = command("migrate", settings=settings)
    assert (malformed.returncode, "has no API key" in malformed.stderr) == (2, True)
    (tmp_path / "key").write_text("folio_" + "k" * 43 + "\n")
    for _ in range(2):
        given = command("migrate", settings=settings)
        assert given.returncode == 0, given.stderr
    query = "SELECT username, role, count(*) FROM api_keys JOIN users ON users.id = user_id GROUP BY 1, 2"
    with psycopg.connect(databases["main"]) as main:
        assert main.execute(query).fetchall() == [("operator", "operator", 1)]
        main.execute("UPDATE api_keys SET revoked_at = now()")
    revoked = command("migrate", settings=settings)
    assert (revoked.returncode, "was revoked" in revoked.stderr) == (2, True)
