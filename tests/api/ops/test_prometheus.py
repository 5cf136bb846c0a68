"""Debian's Prometheus: promtool checks the rules and /metrics, and a server scrapes Folio."""

import asyncio
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from tests.harness import REPOSITORY
from tests.harness.launcher import PATIENCE
from tests.harness.market import PRICE, Market
from tests.harness.processes import Service, command, free_port, printed, service, until

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(
        not (shutil.which("promtool") and shutil.which("prometheus")),
        reason="promtool and prometheus are not on PATH: apt-get install prometheus",
    ),
]

RULES = REPOSITORY / "docs" / "prometheus"


def promtool(*arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool and return its result."""
    return subprocess.run(
        ["promtool", *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A copy of the configuration, the alerts and their tests, with a key."""
    folder = tmp_path / "prometheus"
    shutil.copytree(RULES, folder)
    (folder / "folio.key").write_text("folio_key")
    return folder


def alerts(rules: Path) -> list[dict[str, Any]]:
    [group] = yaml.safe_load((rules / "alerts.yml").read_text())["groups"]
    loaded: list[dict[str, Any]] = group["rules"]
    return loaded


def test_the_alerts_and_the_example_are_valid(rules: Path) -> None:
    """Promtool accepts them; each alert has a severity, a summary and a description, and is documented."""
    for kind, file in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
        done = promtool("check", kind, rules / file)
        assert done.returncode == 0, done.stdout + done.stderr
    for alert in alerts(rules):
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert set(alert["annotations"]) == {"summary", "description"}
    documented = re.findall(r"\bFolio[A-Z]\w+", (RULES.parent / "operations.md").read_text())
    assert sorted(documented) == sorted(alert["alert"] for alert in alerts(rules))


def test_each_alert_fires_when_it_should_and_not_when_it_should_not(rules: Path) -> None:
    """Promtool's tests of the alerts pass; they list all firing alerts at each time, and cover every alert."""
    tests = rules / "alerts_test.yml"
    done = promtool("test", "rules", tests)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(re.findall(r'ALERTS\{alertname="(\w+)"', tests.read_text())) == {rule["alert"] for rule in alerts(rules)}


@pytest.mark.parametrize(("whole", "broken"), [("== 0", "== 2"), ("== 0", "< 2"), ("for: 1m", "for: 3m")])
def test_the_tests_of_the_alerts_find_a_broken_one(rules: Path, whole: str, broken: str) -> None:
    """Negative control: an alert that never fires, one that always fires, and one that fires late."""
    text = (rules / "alerts.yml").read_text()
    assert whole in text
    (rules / "alerts.yml").write_text(text.replace(whole, broken, 1))
    assert promtool("check", "rules", rules / "alerts.yml").returncode == 0
    assert promtool("test", "rules", rules / "alerts_test.yml").returncode != 0


@pytest.fixture
def settings(served: dict[str, str]) -> dict[str, str]:
    return {f"FOLIO_{name.upper()}_DATABASE_URL": url for name, url in served.items()}


@pytest.fixture
def key(settings: dict[str, str], databases: dict[str, str]) -> str:
    """The key of an operator."""
    owner = settings | {"FOLIO_MAIN_DATABASE_URL": databases["main"]}
    return str(printed(command("operator", "add", "root", "--json", settings=owner))["api_key"])


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def folio(request: pytest.FixtureRequest, settings: dict[str, str]) -> Iterator[Service]:
    with service(settings | {"FOLIO_AUDIT_INTERVAL": "0"}, "--workers", str(request.param)) as running:
        yield running


def test_the_metrics_follow_the_conventions_of_prometheus(folio: Service, key: str) -> None:
    """Promtool's linter accepts names, types, units and help texts."""
    folio.request("GET", "/posts")
    folio.request("POST", "/ops/audit", key)
    shown = folio.request("GET", "/metrics", key)
    assert shown.headers["Content-Type"].startswith("text/plain; version=")
    done = promtool("check", "metrics", stdin=shown.text)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


class Prometheus:
    """A running Prometheus server."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def ready(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of the HTTP API."""
        answer = self._http.get(f"/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def value(self, query: str) -> float | None:
        """Return the only value of a query, or None if it has no result."""
        series = self.get("query", query=query)["result"]
        assert len(series) <= 1, series
        return float(series[0]["value"][1]) if series else None

    def shows(self, query: str, value: float) -> None:
        """Wait until a query has a value."""
        until(lambda: self.value(query) == value)


@contextmanager
def prometheus(rules: Path, target: int) -> Iterator[Prometheus]:
    """Run a server with the example configuration, but another target and a shorter interval."""
    configuration = (rules / "prometheus.yml").read_text()
    for example, own in (("127.0.0.1:8000", f"127.0.0.1:{target}"), ("15s", "1s")):
        assert example in configuration
        configuration = configuration.replace(example, own)
    (rules / "prometheus.yml").write_text(configuration)
    port = free_port()
    arguments = [
        "prometheus",
        f"--config.file={rules / 'prometheus.yml'}",
        f"--storage.tsdb.path={rules / 'storage'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as http,
        (rules / "log").open("w+") as log,
        subprocess.Popen(arguments, stdout=log, stderr=log) as process,
    ):
        try:
            running = Prometheus(http)
            until(lambda: process.poll() is not None or running.ready())
            assert process.poll() is None, (rules / "log").read_text()
            yield running
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def test_prometheus_scrapes_two_workers_and_an_alert_fires(
    settings: dict[str, str], databases: dict[str, str], key: str, rules: Path
) -> None:
    """Prometheus has the counts of both workers; a broken invariant fires its alert, and every rule is healthy."""
    (rules / "folio.key").write_text(key)
    market = asyncio.run(Market(settings, databases).open())
    buyer = market.buyer
    transfer = {"from_account_id": market.purse, "to_account_id": market.till, "amount": 1}
    with (
        service(settings | {"FOLIO_AUDIT_INTERVAL": "0"}, "--workers", "2") as folio,
        prometheus(rules, folio.port) as watching,
    ):
        watching.shows('up{job="folio"}', 1)
        url = f"http://127.0.0.1:{folio.port}"

        def send(method: str, path: str, status: int, body: object = None) -> None:
            # With a new connection for each request, either worker may answer.
            headers = buyer.headers | {"Idempotency-Key": uuid.uuid4().hex}
            answer = httpx.request(method, url + path, json=body, headers=headers, timeout=PATIENCE)
            assert answer.status_code == status, answer.text

        for _ in range(20):
            send("GET", "/posts", 200)
        for _ in range(3):
            send("POST", "/transfers", 201, transfer)
            send("POST", "/transfers", 422, transfer | {"from_account_id": market.purse, "amount": 2**50})
        send("POST", "/purchases", 201, market.wanted)
        for query, value in (
            ('sum(folio_requests_total{route="/posts", status="200"})', 20),
            ('sum(folio_request_seconds_count{route="/posts"})', 20),
            ('folio_transfers_total{outcome="made"}', 4),
            ('folio_transfers_total{outcome="insufficient_funds"}', 3),
            ('folio_pool_max_size{database="main"}', 8),
            ("sum(folio_purchases_unfinished)", 0),
        ):
            watching.shows(query, value)
        assert not watching.get("alerts")["alerts"]

        with psycopg.connect(databases["main"], autocommit=True) as connection:
            connection.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (PRICE, market.till))
        assert folio.request("POST", "/ops/audit", key).json()["ok"] is False
        watching.shows('ALERTS{alertname="FolioAuditViolations", alertstate="firing"}', 1)
        [alert] = watching.get("alerts")["alerts"]
        assert alert["annotations"]["summary"] == "main/balance: 1 rows break an invariant of the ledger"
        [group] = watching.get("rules")["groups"]
        assert {(rule["health"], rule.get("lastError", "")) for rule in group["rules"]} == {("ok", "")}
