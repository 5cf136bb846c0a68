"""What the sizes of pools should be."""

import os
from pathlib import Path

import pytest

from repositories.doctor import advice
from repositories.doctor.advice import ENOUGH, Cores, Observed, advise
from repositories.doctor.capacity import Demand, Limits


def demand(*, workers: int = 1, size: int = 4, maximum: int = 100, pools: int = 2) -> Demand:
    names = ("main", "catalog")[:pools]
    return Demand(Limits("here", maximum, 3), workers, dict.fromkeys(names, size))


def seen(**difference: float) -> Observed:
    """A pool that is used well, but for a difference."""
    calm = {"checkouts": 10 * ENOUGH, "wait_p95": 0.001, "hold_p50": 0.003, "peak_in_use": 4, "turned_away": 0}
    return Observed(**calm | difference)  # type: ignore[arg-type]


WAITS = {"wait_p95": 0.2}
LOCKED = {"wait_p95": 0.2, "hold_p50": 0.1}


@pytest.mark.parametrize(
    ("cores", "needed", "observed", "sizes", "words"),
    [
        # Nothing was observed: cores, workers, limit.
        (2, demand(), None, (4, 2), "2 connections a core"),
        (8, demand(), None, (16, 8), "8 cores"),
        (8, demand(workers=4), None, (4, 2), "4 worker"),
        (2, demand(workers=4), None, (2, 1), "4 worker"),
        (8, demand(maximum=19), None, (5, 3), "allows 16"),
        (8, demand(maximum=19, pools=1), None, (13, 7), "1 pool each"),
        (8, demand(maximum=5), None, (1, 1), "allows 2"),
        (2, demand(workers=50), None, (1, 1), "enough for 12 workers"),
        # Too little was observed: the same.
        (2, demand(), seen(checkouts=ENOUGH - 1, **LOCKED), (4, 2), "too few"),
        # All is well.
        (2, demand(), seen(), (4, 2), "no reason"),
        (2, demand(size=32), seen(peak_in_use=32), (4, 2), "no reason"),
        # They wait for connections that work: more would be slower.
        (2, demand(), seen(**WAITS), (4, 2), "CPU is the limit"),
        (2, demand(size=32), seen(peak_in_use=32, **WAITS), (4, 2), "CPU is the limit"),
        (2, demand(), seen(turned_away=3), (4, 2), "CPU is the limit"),
        # They wait for connections that wait themselves: a step more, to twice what the cores say.
        (2, demand(), seen(**LOCKED), (6, 3), "one step more"),
        (2, demand(size=2), seen(peak_in_use=2, **LOCKED), (4, 2), "one step more"),
        (2, demand(size=6), seen(peak_in_use=6, **LOCKED), (8, 4), "one step more"),
        (2, demand(size=8), seen(peak_in_use=8, **LOCKED), (8, 4), "look for what holds them"),
        (2, demand(maximum=19), seen(**LOCKED), (5, 3), "allows 16"),
        # They waited, but not for the pool: it never was all in use.
        (2, demand(), seen(peak_in_use=3, **LOCKED), (4, 2), "no reason"),
        # Few were ever in use.
        (8, demand(size=16), seen(peak_in_use=3), (6, 3), "fewer will do"),
        (2, demand(), seen(peak_in_use=1), (2, 1), "fewer will do"),
    ],
)
def test_the_advice_follows_from_what_is_known(
    cores: int, needed: Demand, observed: Observed | None, sizes: tuple[int, int], words: str
) -> None:
    """Sizes and the reason, case by case."""
    given = advise("main", Cores(cores, server=True), needed, observed)
    assert (given.max_size, given.min_size) == sizes, given.why
    assert words in given.why


def test_advice_that_is_followed_fits_the_server() -> None:
    """Whatever the cores: the sum that start-up looks at stays within the limit, if one of each can."""
    for workers in range(1, 9):
        for maximum in range(3 + workers * 2 * 4, 200, 7):
            size = advise("main", Cores(64, server=True), demand(workers=workers, maximum=maximum), None).max_size
            followed = demand(workers=workers, size=size, maximum=maximum)
            assert followed.total <= followed.allowed


def test_a_server_elsewhere_is_said_to_be_unknown() -> None:
    """Its cores are not those of this machine."""
    for conninfo, near in (
        ("host=/run/postgresql dbname=d", True),
        ("postgresql://localhost/d", True),
        ("postgresql://u@127.0.0.1:5433/d", True),
        ("postgresql://db.example.com/d", False),
        ("host=a,b dbname=d", False),
    ):
        cores = Cores.beside(conninfo)
        assert cores.server is near
        assert ("unknown" in str(cores)) is not near
        assert cores.count >= 1


def test_a_container_has_the_cores_that_it_has_the_time_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a core is one; more than there are is what there are; no limit, or no such file, likewise."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(advice, "CPU_MAX", tmp_path / "cpu.max")
    assert Cores.beside("host=/run").count == 8
    for said, cores in (("max 100000", 8), ("50000 100000", 1), ("250000 100000", 3), ("1600000 100000", 8)):
        (tmp_path / "cpu.max").write_text(f"{said}\n")
        assert Cores.beside("host=/run").count == cores
