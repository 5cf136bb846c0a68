"""The benchmark measures truly: arithmetic, generators against a real Folio, and report. No speed is asserted."""

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.bench import loads, pgbench, report, rounds
from tests.bench.contestants import Contestant, Service, Unavailable
from tests.bench.databases import Server, run_file
from tests.bench.loads import Generator
from tests.bench.requests import Renderer
from tests.bench.results import Cell, Measurement, NotMeasured, Results, percentile
from tests.bench.scenarios import FOLIO, ORM, PGBENCH, SCENARIOS, TRANSFER
from tests.harness.processes import service

SECONDS = 0.3
"""Too short for wrk, so that the generator in Python is used."""


@pytest.fixture
def folio(databases: dict[str, str], served: dict[str, str]) -> Iterator[Service]:
    """A running Folio with the data of the benchmark."""
    for database, conninfo in databases.items():
        run_file(conninfo, database)
    settings = {f"FOLIO_{database.upper()}_DATABASE_URL": conninfo for database, conninfo in served.items()}
    with service(settings) as running:
        yield Service(running.process.pid, running.port, server_pid=running.process.pid)


def measurement(per_second: float, p50: float = 1.0) -> Measurement:
    return Measurement(per_second, p50, p99=2.0, errors=0, service_cpu=3.0, server_cpu=math.nan)


def test_a_percentile_is_the_smallest_value_that_so_many_percent_do_not_exceed() -> None:
    """The nearest rank, also of one value and of none."""
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, percent) for percent in (50, 99, 100)] == [50, 99, 100]
    assert percentile([7.0], 99) == 7
    assert math.isnan(percentile([], 50))


def test_a_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    """A round in which the whole machine was slow changes no ratio."""
    results, fast, slow = Results(), Cell("transfer", "fast", 16), Cell("transfer", "slow", 16)
    for speed, factor in ((100, 2), (10, 3), (400, 4)):
        results.add(fast, measurement(speed * factor, p50=speed / 2))
        results.add(slow, measurement(speed, p50=speed))
    assert results.ratio(fast, slow) == 3
    assert results.ratio(fast, slow, "p50") == 0.5
    assert results.median(fast).per_second == 200
    for cell in (fast, slow):
        results.add(cell, measurement(0, p50=math.nan))
    assert results.ratio(fast, slow, "p50") == 0.5
    assert results.median(slow).p50 == 100
    with pytest.raises(NotMeasured):
        results.ratio(fast, Cell("transfer", "missing", 16))


def test_a_rendered_transfer_is_from_an_account_of_its_user_to_one_of_another_user() -> None:
    """The account with id i belongs to user 1 + i % 1000; so no transfer is refused. No key occurs twice."""
    renderer, keys = Renderer(TRANSFER), set()
    for _ in range(2000):
        head, body = renderer.render().decode().split("\r\n\r\n")
        order = json.loads(body)
        payer, payee = order["from_account_id"], order["to_account_id"]
        assert head.partition("Bearer folio_")[2][:43].lstrip("0") == f"u{1 + payer % 1000}"
        assert payer % 1000 != payee % 1000
        assert min(payer, payee) >= 1
        assert max(payer, payee) <= 10_000
        keys.add(head.partition("Idempotency-Key: ")[2].partition("\r\n")[0])
    assert len(keys) == 2000


def test_a_round_measures_every_scenario_of_folio(folio: Service, tmp_path: Path) -> None:
    """Every request succeeds, CPU time and memory are read, and the JSON file has all figures."""
    scenarios = [
        replace(scenario, clients=(4,), work={FOLIO: scenario.work[FOLIO]})
        for scenario in SCENARIOS
        if scenario.group in {"transfers", "hot", "batch", "reads", "livez", "purchases", "mixed"}
    ]
    results = Results()
    rounds.run(scenarios, {FOLIO: folio}, results, rounds=1, seconds=SECONDS, on_cell=lambda _: None)
    assert [cell.scenario for cell in results.rounds] == [scenario.name for scenario in scenarios]
    assert {cell: measurements for cell, [measurements] in results.rounds.items() if measurements.errors} == {}
    assert results.memory[FOLIO] > 10

    results.write(tmp_path / "results.json", {"cores": 2})
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["cores"] == 2
    for cell in content["cells"]:
        assert cell["rounds"] == [cell["median"]]
        assert cell["median"]["per_second"] > 0
        assert cell["median"]["p99"] >= cell["median"]["p50"] > 0
        under_other_load = cell["scenario"] == "account, while 64 clients pay"
        assert (cell["median"]["service_cpu"] is None) == under_other_load


def test_each_generator_tells_successes_from_refusals(folio: Service) -> None:
    """Transfers with a wrong key are errors, so that a contestant that refuses quickly does not look fast."""
    refused = replace(TRANSFER, head=TRANSFER.head.replace("$token", "0" * 42))
    for wrk in {None, loads.WRK}:
        load = Generator(folio.port, TRANSFER, clients=4, seconds=1, wrk=wrk).finish()
        assert load.requests > 0
        assert load.errors == 0
        load = Generator(folio.port, refused, clients=4, seconds=1, wrk=wrk).finish()
        assert load.errors >= load.requests > 0  # wrk also counts connections that a refusal closes
    assert folio.measure(refused, clients=4, seconds=SECONDS, background=None).per_second == 0


def test_a_missing_contestant_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A contestant that cannot run is in the table with the reason, and is measured nowhere."""

    @contextmanager
    def missing(server: Server, log: Path) -> Iterator[Contestant]:
        raise Unavailable("no such program")
        yield

    monkeypatch.setattr(rounds, "CONTESTANTS", dict.fromkeys([PGBENCH, FOLIO, ORM], missing))
    scenarios = [scenario for scenario in SCENARIOS if scenario.group == "hot"]
    results = Results()
    with ExitStack() as stack:
        running = rounds.start(scenarios, Server(tmp_path), tmp_path, stack, results)
    assert list(rounds.cells(scenarios, running)) == []
    assert report.skipped_rows(results) == [(name, "no such program") for name in (PGBENCH, FOLIO, ORM)]
    assert {row[2:] for row in report.target_rows(results)} == {("not measured", "")}


def test_pgbench_runs_the_fixed_and_the_present_statements(databases: dict[str, str]) -> None:
    """The script of each commits one transfer with two entries and a key."""
    run_file(databases["main"], "main")
    for script in (pgbench.Script(pgbench.SPREAD), pgbench.Script(pgbench.HOT, present=True)):
        load = pgbench.run(script, databases["main"], clients=2, seconds=1)
        assert load.requests > 0
        with psycopg.connect(databases["main"]) as connection:
            row = connection.execute(
                """
                SELECT
                    (SELECT count(*) FROM transfers WHERE id > 25000),
                    (SELECT count(*) FROM entries WHERE transfer_id > 25000) / 2,
                    (SELECT count(*) FROM idempotency_keys)
                """
            ).fetchone()
        assert row is not None
        assert min(row) >= load.requests
        assert len(set(row)) == 1
