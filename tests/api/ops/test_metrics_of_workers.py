"""The metrics of several processes: workers count together, outlive each other's death, and audit in turn."""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import psycopg
import pytest

from tests.harness.launcher import PATIENCE
from tests.harness.metrics import total
from tests.harness.processes import Service, command, printed, service, until


@pytest.fixture
def settings(served: dict[str, str]) -> dict[str, str]:
    urls = {f"FOLIO_{name.upper()}_DATABASE_URL": url for name, url in served.items()}
    return urls | {"FOLIO_AUDIT_INTERVAL": "0", "FOLIO_DRAIN_TIME": "0"}


@pytest.fixture
def key(settings: dict[str, str]) -> str:
    """An operator's."""
    return str(printed(command("operator", "add", "root", "--json", settings=settings))["api_key"])


class Watched:
    """A service with two workers, and an operator who looks at it; each request on a connection of its own."""

    def __init__(self, folio: Service, key: str) -> None:
        self.folio = folio
        self._headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str) -> httpx.Response:
        """Send a request to whichever worker takes it, again while one is on its way out."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                url = f"http://127.0.0.1:{self.folio.port}{path}"
                answer = httpx.get(url, headers=self._headers, timeout=PATIENCE)
            except httpx.TransportError:
                assert time.monotonic() < deadline
                continue
            assert answer.status_code == 200, answer.text
            return answer

    def worker(self) -> int:
        """Return the PID of a worker."""
        pid: int = self.get("/ops/pools").json()["worker_pid"]
        return pid

    def workers(self, number: int = 2, *others: int) -> set[int]:
        """Return the PIDs of so many workers, none of which is among the others."""
        found: set[int] = set()

        def enough() -> bool:
            found.update({self.worker()} - set(others))
            return len(found) >= number

        until(enough)
        return found

    def requests(self) -> float:
        """Return how many lists of posts were counted."""
        return total(self.get("/metrics").text, "folio_requests_total", method="GET", route="/posts", status="200")

    def pool(self, name: str) -> float:
        return total(self.get("/metrics").text, f"folio_pool_{name}", database="main")


@pytest.fixture
def watched(settings: dict[str, str], key: str) -> Iterator[Watched]:
    with service(settings, "--workers", "2") as folio:
        yield Watched(folio, key)


def test_workers_count_together_and_outlive_each_other(watched: Watched) -> None:
    """Any of them shows the sum; it never falls, not by kill -9 of one either, whose pools are gone with it."""
    first = watched.workers()
    for _ in range(20):
        watched.get("/posts")
    until(lambda: watched.requests() == 20)
    until(lambda: watched.pool("max_size") == 8)
    dead = first.pop()
    os.kill(dead, signal.SIGKILL)
    shown = []

    def replaced() -> bool:
        shown.append((watched.requests(), watched.pool("max_size")))
        assert shown[-1][1] <= 8, "the dead one's pool is counted beside its successor's"
        return shown[-1][1] == 8 and watched.worker() not in first

    until(replaced)
    assert {count for count, _ in shown} == {20}
    [successor] = watched.workers(1, dead, *first)
    assert successor not in {dead, *first}
    for _ in range(10):
        watched.get("/posts")
    until(lambda: watched.requests() == 30)
    until(lambda: watched.pool("in_use") == watched.pool("waiting") == 0)  # its own workers hold one for moments


def audits(databases: Mapping[str, str], lasting: int, least: int) -> tuple[int, float]:
    """Wait for so many audits and so many seconds; return how many there are, and for how long there were any."""
    with psycopg.connect(databases["main"], autocommit=True) as connection:

        def found() -> tuple[int, float]:
            row: Any = connection.execute(
                "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(finished_at)), 0)::float8"
                " FROM audits"
            ).fetchone()
            return row[0], row[1]

        until(lambda: found() >= (least, 0.0) and found()[1] >= lasting)
        return found()


INTERVAL = 3


@pytest.fixture
def audited(settings: dict[str, str], key: str) -> dict[str, str]:
    """Settings of a service with two workers that audits every three seconds."""
    return settings | {"FOLIO_AUDIT_INTERVAL": str(INTERVAL), "FOLIO_WORKERS": "2"}


def test_an_audit_runs_once_an_interval_in_one_of_all_workers(
    audited: dict[str, str], databases: dict[str, str], key: str
) -> None:
    """Two workers, one turn; what it found is in the metrics."""
    with service(audited) as folio:
        number, seconds = audits(databases, 3 * INTERVAL, 3)
        shown = folio.request("GET", "/metrics", key).text
    # The first may have taken its time: its turn began that much before it ended.
    assert number <= seconds / INTERVAL + 2
    assert total(shown, "folio_audit_interval_seconds") == INTERVAL
    assert 'folio_audit_violations{check="main/balance"} 0.0' in shown
    assert time.time() - total(shown, "folio_audit_finished_timestamp_seconds") < PATIENCE


def test_without_the_lease_every_worker_audits(audited: dict[str, str], databases: dict[str, str]) -> None:
    """The negative control: a lease that is over at once, and the limit above does not hold."""
    with psycopg.connect(databases["main"], autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION expire() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.leased_until := '-infinity'; RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER expire BEFORE INSERT ON leases FOR EACH ROW EXECUTE FUNCTION expire()")
    with service(audited):

        def too_many() -> bool:
            number, seconds = audits(databases, 0, 1)
            return number > seconds / INTERVAL + 2

        until(too_many)


def test_an_interval_of_0_turns_scheduled_audits_off(
    settings: dict[str, str], databases: dict[str, str], key: str
) -> None:
    """Nobody takes a turn, while one with an interval on the same databases does; the metrics say that none is due."""
    with service(settings) as folio:
        shown = folio.request("GET", "/metrics", key).text
        time.sleep(2)  # as often as one with an interval of a second would have looked
        with psycopg.connect(databases["main"]) as connection:
            assert connection.execute("SELECT count(*) FROM leases").fetchone() == (0,)
    assert "folio_audit_interval_seconds 0.0" in shown
    assert "folio_audit_violations" not in shown
    with service(settings | {"FOLIO_AUDIT_INTERVAL": "1"}):
        assert audits(databases, 0, 1)[0] >= 1
