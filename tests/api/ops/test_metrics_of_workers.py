"""The metrics of several processes: workers share counters, survive a killed worker, and take turns at audits."""

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
def key(settings: dict[str, str], databases: dict[str, str]) -> str:
    """The key of an operator."""
    owner = settings | {"FOLIO_MAIN_DATABASE_URL": databases["main"]}
    return str(printed(command("operator", "add", "root", "--json", settings=owner))["api_key"])


class Watched:
    """A service with two workers, read by an operator with a new connection for each request."""

    def __init__(self, folio: Service, key: str) -> None:
        self.folio = folio
        self._headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str) -> httpx.Response:
        """Send a request to either worker; retry it if a worker is shutting down."""
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
        """Return the PIDs of `number` workers that are not among `others`."""
        pids: set[int] = set()

        def complete() -> bool:
            pids.update({self.worker()} - set(others))
            return len(pids) >= number

        until(complete)
        return pids

    def requests(self) -> float:
        """Return the number of successful lists of posts."""
        return total(self.get("/metrics").text, "folio_requests_total", method="GET", route="/posts", status="200")

    def pool(self, name: str) -> float:
        return total(self.get("/metrics").text, f"folio_pool_{name}", database="main")


@pytest.fixture
def watched(settings: dict[str, str], key: str) -> Iterator[Watched]:
    with service(settings, "--workers", "2") as folio:
        yield Watched(folio, key)


def test_workers_share_counters_which_survive_a_killed_worker(watched: Watched) -> None:
    """Each worker shows the sum. After kill -9 of one, counters do not fall and its pool gauges disappear."""
    first = watched.workers()
    for _ in range(20):
        watched.get("/posts")
    until(lambda: watched.requests() == 20)
    until(lambda: watched.pool("max_size") == 8)
    dead = first.pop()
    os.kill(dead, signal.SIGKILL)
    samples = []

    def replaced() -> bool:
        samples.append((watched.requests(), watched.pool("max_size")))
        assert samples[-1][1] <= 8, "the pool of the killed worker is still counted"
        return samples[-1][1] == 8 and watched.worker() not in first

    until(replaced)
    assert {count for count, _ in samples} == {20}
    [successor] = watched.workers(1, dead, *first)
    assert successor not in {dead, *first}
    for _ in range(10):
        watched.get("/posts")
    until(lambda: watched.requests() == 30)
    until(lambda: watched.pool("in_use") == watched.pool("waiting") == 0)  # jobs check connections out briefly


def audits(databases: Mapping[str, str], seconds: int, least: int) -> tuple[int, float]:
    """Wait for `least` audits and for `seconds` since the first; return their number and those seconds."""
    with psycopg.connect(databases["main"], autocommit=True) as connection:

        def progress() -> tuple[int, float]:
            row: Any = connection.execute(
                "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(finished_at)), 0)::float8"
                " FROM audits"
            ).fetchone()
            return row[0], row[1]

        until(lambda: progress() >= (least, 0.0) and progress()[1] >= seconds)
        return progress()


INTERVAL_SECONDS = 3


@pytest.fixture
def audited(settings: dict[str, str], key: str) -> dict[str, str]:
    """Settings of a service with two workers and an audit every three seconds."""
    return settings | {"FOLIO_AUDIT_INTERVAL": str(INTERVAL_SECONDS), "FOLIO_WORKERS": "2"}


def test_an_audit_runs_once_an_interval_in_one_of_all_workers(
    audited: dict[str, str], databases: dict[str, str], key: str
) -> None:
    """Two workers take turns; the metrics show the result of the last audit."""
    with service(audited) as folio:
        number, seconds = audits(databases, 3 * INTERVAL_SECONDS, 3)
        shown = folio.request("GET", "/metrics", key).text
    # The clock starts at the end of the first audit, which may have been slow.
    assert number <= seconds / INTERVAL_SECONDS + 2
    assert total(shown, "folio_audit_interval_seconds") == INTERVAL_SECONDS
    assert 'folio_audit_violations{check="main/balance"} 0.0' in shown
    assert time.time() - total(shown, "folio_audit_finished_timestamp_seconds") < PATIENCE


def test_without_the_lease_every_worker_audits(audited: dict[str, str], databases: dict[str, str]) -> None:
    """Negative control: with a lease that expires at once, the limit of the test above does not hold."""
    with psycopg.connect(databases["main"], autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION expire() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.leased_until := '-infinity'; RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER expire BEFORE INSERT ON leases FOR EACH ROW EXECUTE FUNCTION expire()")
    with service(audited):

        def too_many() -> bool:
            number, seconds = audits(databases, 0, 1)
            return number > seconds / INTERVAL_SECONDS + 2

        until(too_many)


def test_an_interval_of_0_turns_scheduled_audits_off(
    settings: dict[str, str], databases: dict[str, str], key: str
) -> None:
    """The service takes no lease and its metrics show an interval of 0; a service with an interval runs audits."""
    with service(settings) as folio:
        shown = folio.request("GET", "/metrics", key).text
        time.sleep(2)  # a service with an interval of a second takes the lease within this time
        with psycopg.connect(databases["main"]) as connection:
            assert connection.execute("SELECT count(*) FROM leases").fetchone() == (0,)
    assert "folio_audit_interval_seconds 0.0" in shown
    assert "folio_audit_violations" not in shown
    with service(settings | {"FOLIO_AUDIT_INTERVAL": "1"}):
        assert audits(databases, 0, 1)[0] >= 1
