"""Upgrades without a pause: a process of the release before and one of this release serve one database together."""

import contextlib
import io
import re
import signal
import subprocess
import sys
import tarfile
import threading
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import psycopg
import pytest

from repositories.schema import roles
from repositories.schema.databases import DATABASES
from tests.harness import REPOSITORY, templates
from tests.harness.launcher import PATIENCE
from tests.harness.processes import command, environment, free_port, service, until
from tests.harness.world import Person, World

TAG = "house"
"""The git tag of the release before."""
SUBJECT = "The house is finished"
"""The beginning of its commit's message, if the tag is missing."""
COMMIT = ""
"""Its commit, if the history has neither."""
LOCK = REPOSITORY / "locks" / "run.lock"
PAYMENTS = 40
"""Payments that each process makes while both serve."""


def pinned(lock: str) -> set[str]:
    """Return the pins of a lock file, such as "fastapi==0.165.0"."""
    return set(re.findall(r"^\S+==\S+", lock, re.MULTILINE))


def git(*arguments: str) -> bytes | None:
    """Return the output of git in the repository; None if it fails."""
    done = subprocess.run(["git", "-C", str(REPOSITORY), *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The files of the release before, in a folder of their own."""
    if git("rev-parse", "HEAD") is None:
        pytest.skip("there is no git history")
    by_subject = (git("log", "-1", "--format=%H", f"--grep=^{SUBJECT}") or b"").decode().strip()
    names = [name for name in (TAG, by_subject, COMMIT) if name]
    commit = next((name for name in names if git("rev-parse", "--verify", "-q", f"{name}^{{commit}}")), None)
    if commit is None:
        pytest.skip(f"the history has neither the tag {TAG} nor a commit {SUBJECT!r}")
    if missing := pinned((git("show", f"{commit}:locks/run.lock") or b"").decode()) - pinned(LOCK.read_text()):
        pytest.skip(f"this environment lacks dependencies of {commit}: {', '.join(sorted(missing))}")
    files = git("archive", commit, "api", "repositories", "sql", "pyproject.toml")
    assert files is not None
    with tarfile.open(fileobj=io.BytesIO(files)) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def earlier(folder: Path, *arguments: str, settings: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Start a command of the release before, on the present environment."""
    start = "import sys; from api.cli.commands import main; sys.argv[0] = 'folio'; main()"
    env = environment(settings) | {"PYTHONPATH": str(folder)}
    return subprocess.Popen([sys.executable, "-c", start, *arguments], cwd=folder, env=env)


@pytest.fixture
def conninfos(before: Path) -> Iterator[dict[str, str]]:
    """Both databases as the release before made them, with its roles."""
    with templates.empty() as main, templates.empty() as catalog:
        conninfos = {"main": main, "catalog": catalog}
        assert earlier(before, "migrate", settings=urls(conninfos)).wait(PATIENCE) == 0
        for database, conninfo in conninfos.items():
            if templates.has_roles():
                with psycopg.connect(conninfo) as connection:
                    for script in roles.scripts(database):
                        connection.execute((before / "sql" / script).read_bytes())
        yield conninfos


def urls(conninfos: dict[str, str]) -> dict[str, str]:
    return {f"FOLIO_{database.upper()}_DATABASE_URL": conninfos[database] for database in DATABASES}


@contextlib.contextmanager
def serving(before: Path, settings: dict[str, str]) -> Iterator[httpx.Client]:
    """Serve with the release before."""
    port = free_port()
    process = earlier(before, "serve", "--port", str(port), settings=settings)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=15) as client:

            def answers() -> bool:
                assert process.poll() is None
                with contextlib.suppress(httpx.TransportError):
                    return client.get("/readyz").status_code == 200
                return False

            until(answers)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


class Load:
    """Payments, posts and reads, sent to one process until the context ends; a repeat goes to another process."""

    def __init__(self, client: httpx.Client, person: Person, order: Mapping[str, object]) -> None:
        self.failed: list[str] = []
        self.paid: list[tuple[str, dict[str, object]]] = []
        """Key and answer of each payment."""
        self._client, self._person, self._order = client, person, order
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def reach(self, count: int) -> None:
        """Wait until `count` more payments were made."""
        goal = len(self.paid) + count
        until(lambda: len(self.paid) >= goal or self.failed)

    def _run(self) -> None:
        while not self._stopping.is_set():
            key = uuid.uuid4().hex
            answer = self._check(201, "POST", "/transfers", self._order, key)
            if answer is not None:
                self.paid.append((key, answer))
            self._check(201, "POST", "/posts", {"title": "Folio", "content": "A leaf."}, uuid.uuid4().hex)
            self._check(200, "GET", f"/accounts/{self._order['from_account_id']}")
            self._check(200, "GET", "/products")

    def _check(
        self, status: int, method: str, path: str, body: object = None, key: str | None = None
    ) -> dict[str, object] | None:
        headers = self._person.headers if key is None else self._person.paying(key)
        try:
            answer = self._client.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            self.failed.append(f"{method} {path}: {error!r}")
            return None
        if answer.status_code != status:
            self.failed.append(f"{method} {path}: {answer.status_code} {answer.text}")
            return None
        value: dict[str, object] = answer.json()
        return value


def repeated(client: httpx.Client, person: Person, path: str, body: object, key: str) -> dict[str, object]:
    """Repeat a request that another process answered, and return its answer."""
    answer = client.post(path, json=body, headers=person.paying(key))
    assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (201, "true"), answer.text
    value: dict[str, object] = answer.json()
    return value


async def test_two_releases_serve_one_database_at_once(before: Path, conninfos: dict[str, str]) -> None:
    """Neither the next release's migrations and grants nor its process fail a request of either, under load.

    The release before keeps serving, as after a rollback. Each release replays what the other one answered.
    """
    served = urls({database: templates.served(conninfo) for database, conninfo in conninfos.items()})
    async with await psycopg.AsyncConnection.connect(conninfos["main"], autocommit=True) as connection:
        world = World(connection)
        ada = await world.person("ada")
        payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    there = {"from_account_id": payer, "to_account_id": payee, "amount": 7}
    with serving(before, served) as old, Load(old, ada, there) as first:
        first.reach(PAYMENTS)
        assert command("migrate", settings=urls(conninfos)).returncode == 0
        for database, conninfo in conninfos.items():
            if templates.has_roles():
                await roles.grant(conninfo, database)
        first.reach(PAYMENTS)
        with service(served) as new, Load(new.http, ada, there) as second:
            second.reach(PAYMENTS)
            first.reach(PAYMENTS)
            for key, answer in first.paid[:PAYMENTS]:
                assert repeated(new.http, ada, "/transfers", there, key).items() >= answer.items()
            for key, answer in second.paid[:PAYMENTS]:
                assert answer.items() >= repeated(old, ada, "/transfers", there, key).items()
            for path, body in {
                "/transfers/batch": {"transfers": [there, there]},
                "/holds": {**there, "expires_in": 60},
                "/accounts": {"name": "Savings", "currency": "EUR"},
            }.items():
                for one, other in ((old, new.http), (new.http, old)):
                    key = uuid.uuid4().hex
                    assert one.post(path, json=body, headers=ada.paying(key)).status_code == 201
                    repeated(other, ada, path, body, key)
        first.reach(PAYMENTS)
    assert (first.failed, second.failed) == ([], [])
    async with await psycopg.AsyncConnection.connect(conninfos["main"]) as connection:
        balance = await World(connection).value("SELECT balance FROM accounts WHERE id = %s", payee)
    assert balance == 7 * (len(first.paid) + len(second.paid) + 4)
    assert command("audit", settings=served).returncode == 0
