"""The advice on pool sizes: its rule, its limits and its reasons."""

import os
from pathlib import Path

import pytest

from repositories.doctor import advice
from repositories.doctor.advice import MIN_CHECKOUTS, Cores, Observations, advise
from repositories.doctor.capacity import Demand
from repositories.server import Limits


def demand(*, workers: int = 1, size: int = 4, maximum: int = 100, pools: int = 2) -> Demand:
    names = ("main", "catalog")[:pools]
    return Demand(Limits("here", maximum, 3), workers, dict.fromkeys(names, size))


def observations(**difference: float) -> Observations:
    """Return the observations of a pool that works well, except for a difference."""
    calm = {"checkouts": 10 * MIN_CHECKOUTS, "wait_p95": 0.001, "use_p50": 0.003, "peak_in_use": 4, "turned_away": 0}
    return Observations(**calm | difference)  # type: ignore[arg-type]


WAITS = {"wait_p95": 0.2}
LOCKED = {"wait_p95": 0.2, "use_p50": 0.1}


@pytest.mark.parametrize(
    ("cores", "needed", "observed", "sizes", "reason"),
    [
        # Without observations: cores, workers and the limit decide.
        (2, demand(), None, (4, 2), "2 connections a core"),
        (8, demand(), None, (16, 8), "8 cores"),
        (8, demand(workers=4), None, (4, 2), "4 worker"),
        (2, demand(workers=4), None, (2, 1), "4 worker"),
        (8, demand(maximum=19), None, (5, 3), "allows 16"),
        (8, demand(maximum=19, pools=1), None, (13, 7), "1 pool each"),
        (8, demand(maximum=5), None, (1, 1), "allows 2"),
        (2, demand(workers=50), None, (1, 1), "enough for 12 workers"),
        # Too few observations decide nothing.
        (2, demand(), observations(checkouts=MIN_CHECKOUTS - 1, **LOCKED), (4, 2), "too few"),
        # The pool works well.
        (2, demand(), observations(), (4, 2), "no reason"),
        (2, demand(size=32), observations(peak_in_use=32), (4, 2), "no reason"),
        # Requests wait, but connections are used briefly: more would be slower.
        (2, demand(), observations(**WAITS), (4, 2), "CPU is the limit"),
        (2, demand(size=32), observations(peak_in_use=32, **WAITS), (4, 2), "CPU is the limit"),
        (2, demand(), observations(turned_away=3), (4, 2), "CPU is the limit"),
        # Requests wait, and connections are used for long: one step more, to at most twice the rule.
        (2, demand(), observations(**LOCKED), (6, 3), "one step more"),
        (2, demand(size=2), observations(peak_in_use=2, **LOCKED), (4, 2), "one step more"),
        (2, demand(size=6), observations(peak_in_use=6, **LOCKED), (8, 4), "one step more"),
        (2, demand(size=8), observations(peak_in_use=8, **LOCKED), (8, 4), "find out why"),
        (2, demand(maximum=19), observations(**LOCKED), (5, 3), "allows 16"),
        # Requests waited, but not for the pool, which was never exhausted.
        (2, demand(), observations(peak_in_use=3, **LOCKED), (4, 2), "no reason"),
        # Few connections were ever in use.
        (8, demand(size=16), observations(peak_in_use=3), (6, 3), "fewer will do"),
        (2, demand(), observations(peak_in_use=1), (2, 1), "fewer will do"),
    ],
)
def test_sizes_and_reason_follow_from_cores_workers_limits_and_observations(
    cores: int, needed: Demand, observed: Observations | None, sizes: tuple[int, int], reason: str
) -> None:
    """Each case has its sizes and its reason."""
    advised = advise("main", Cores(cores, server=True), needed, observed)
    assert (advised.max_size, advised.min_size) == sizes, advised.why
    assert reason in advised.why


def test_advice_that_is_followed_fits_the_server() -> None:
    """With any number of cores, the sum that start-up checks stays within the limit if one connection each fits."""
    for workers in range(1, 9):
        for maximum in range(3 + workers * 2 * 4, 200, 7):
            size = advise("main", Cores(64, server=True), demand(workers=workers, maximum=maximum), None).max_size
            followed = demand(workers=workers, size=size, maximum=maximum)
            assert followed.total <= followed.allowed


def test_the_cores_of_a_remote_server_are_unknown() -> None:
    """Only a server on this machine runs on its cores; the advice says so for any other."""
    for conninfo, near in (
        ("host=/run/postgresql dbname=d", True),
        ("postgresql://localhost/d", True),
        ("postgresql://u@127.0.0.1:5433/d", True),
        ("postgresql://db.example.com/d", False),
        ("host=a,b dbname=d", False),
    ):
        cores = Cores.count_for(conninfo)
        assert cores.server is near
        assert ("unknown" in str(cores)) is not near
        assert cores.count >= 1


def test_a_container_has_the_cores_whose_time_it_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a core counts as one; a quota above the machine's cores, no quota and no quota file count all cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(advice, "CPU_MAX", tmp_path / "cpu.max")
    assert Cores.count_for("host=/run").count == 8
    for quota, cores in (("max 100000", 8), ("50000 100000", 1), ("250000 100000", 3), ("1600000 100000", 8)):
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
        assert Cores.count_for("host=/run").count == cores
