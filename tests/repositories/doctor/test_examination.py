"""What the doctor reads of a server, and how it judges that."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from repositories import server as diagnosis
from repositories.doctor import capacity, examination, findings
from repositories.doctor.capacity import Limits
from repositories.doctor.examination import CHECKS, STATE, Examination
from repositories.doctor.findings import Status
from repositories.postgres import connections
from repositories.schema.roles import Privileges
from repositories.server import Clock, State, Use
from tests.harness.launcher import PATIENCE
from tests.harness.proxy import proxy

SOUND = State(
    version="18.6",
    version_number=180006,
    standby=False,
    read_only=False,
    fsync="on",
    full_page_writes="on",
    synchronous_commit="on",
    data_checksums="on",
)


def judged(**difference: object) -> dict[str, Status]:
    """Return the checks of a state that is sound but for a difference, where they are not ok."""
    state = State(**{**vars(SOUND), **difference})
    found = findings.of_state("main", state)
    assert tuple(finding.check for finding in found) == STATE
    return {finding.check: finding.status for finding in found if finding.status is not Status.OK}


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        ({}, {}),
        ({"version_number": 140020}, {"version": Status.FAILED}),
        ({"version_number": 150000}, {"version": Status.WARNING}),
        ({"version_number": 170000}, {}),
        ({"standby": True}, {"writes": Status.FAILED}),
        ({"read_only": True}, {"writes": Status.FAILED}),
        ({"fsync": "off"}, {"fsync": Status.FAILED}),
        ({"full_page_writes": "off"}, {"full_page_writes": Status.FAILED}),
        ({"synchronous_commit": "off"}, {"synchronous_commit": Status.FAILED}),
        ({"synchronous_commit": "local"}, {}),
        ({"data_checksums": "off"}, {"data_checksums": Status.WARNING}),
    ],
)
def test_what_may_lose_a_commit_fails(difference: dict[str, object], expected: dict[str, Status]) -> None:
    """Each setting for itself; without checksums nothing is lost, but damage is found late."""
    assert judged(**difference) == expected


@pytest.mark.parametrize(
    ("ahead", "uncertainty", "status"),
    [
        (0.0, 0.0, Status.OK),
        (-0.9, 0.0, Status.OK),
        (1.2, 0.0, Status.WARNING),
        (-1.2, 0.0, Status.WARNING),
        (5.2, 0.3, Status.WARNING),
        (-5.2, 0.1, Status.FAILED),
        (7200.0, 0.1, Status.FAILED),
        (6.0, 5.5, Status.OK),
    ],
)
def test_a_clock_is_judged_by_the_difference_that_is_certain(ahead: float, uncertainty: float, status: Status) -> None:
    """A slow round trip makes no clock wrong."""
    assert findings.of_clock("main", Clock(ahead, uncertainty)).status is status


async def test_a_clock_that_is_off_is_seen(databases: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's time is compared with this machine's, in both directions, whatever the time zone."""
    async with connections.connect(databases["main"], purpose="test") as connection:
        await connection.execute("SET TIME ZONE INTERVAL '+14:00' HOUR TO MINUTE")
        right = await diagnosis.read_clock(connection)
        monkeypatch.setattr(diagnosis, "time", SimpleNamespace(time=lambda: time.time() + 60))
        behind = await diagnosis.read_clock(connection)
    assert abs(right.ahead) <= right.uncertainty + 0.5
    assert findings.of_clock("main", right).status is Status.OK
    assert -60.5 - behind.uncertainty < behind.ahead < -59.5 + behind.uncertainty
    assert findings.of_clock("main", behind).status is Status.FAILED


@pytest.mark.parametrize(
    ("superuser", "owner", "status"),
    [(False, False, Status.OK), (True, False, Status.WARNING), (False, True, Status.WARNING)],
)
def test_who_could_do_more_than_serve_is_warned_of(superuser: bool, owner: bool, status: Status) -> None:
    """A superuser, and who may act as the owner."""
    found = findings.of_privileges("main", Privileges("somebody", superuser=superuser, owner=owner))
    assert (found.status, found.found.startswith("somebody: ")) == (status, True)


async def test_a_server_that_falls_silent_ends_the_examination(
    databases: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check has its line: the one that was waited for, and those that nobody looks at any more."""
    connect = Examination._connect

    async def connect_and_swallow(*arguments: object) -> object:
        connection = await connect(*arguments)  # type: ignore[arg-type]
        assert connection is not None
        between.swallowing = True
        connection.patience = 1.0
        return connection

    monkeypatch.setattr(Examination, "_connect", connect_and_swallow)
    monkeypatch.setattr(examination, "DEADLINE", 30)  # to connect, on a busy machine
    async with proxy(databases["main"]) as between:
        looked = Examination("main", between.conninfo, migrated_by_serve=False)
        async with asyncio.timeout(PATIENCE):
            await looked.run()
    found = {finding.check: finding for finding in looked.findings}
    assert found["connect"].status is not Status.FAILED
    assert {found[check].status for check in STATE} == {Status.FAILED}
    assert "no answer within" in found["fsync"].found
    assert {found[check].status for check in ("role", "clock", "migrations")} == {Status.UNKNOWN}
    assert {*found, "connections"} == set(CHECKS)


def limits(address: str, maximum: int = 100) -> Limits:
    return Limits(address=address, max_connections=maximum, reserved_connections=3)


def test_databases_of_one_server_share_its_connections() -> None:
    """Each worker has its pools and, for each database, readiness, operations and an audit."""
    sizes = {"main": 4, "catalog": 6}
    shared = capacity.demands(2, sizes, {"main": limits("a"), "catalog": limits("a")})
    assert {(demand.total, demand.allowed) for demand in shared.values()} == {(2 * (4 + 6 + 3 + 3), 97)}
    apart = capacity.demands(2, sizes, {"main": limits("a"), "catalog": limits("b")})
    assert {name: demand.total for name, demand in apart.items()} == {"main": 2 * 7, "catalog": 2 * 9}


@pytest.mark.parametrize(
    ("maximum", "others", "status"),
    [(17, 0, Status.OK), (17, 1, Status.WARNING), (16, 0, Status.FAILED), (16, 90, Status.FAILED)],
)
def test_the_sum_fails_where_a_server_can_never_hold_it(maximum: int, others: int, status: Status) -> None:
    """14 connections, and 3 that are not Folio's: others who are there now are a warning, as they may leave."""
    sizes = {"main": 4, "catalog": 4}
    server = {"main": limits("a", maximum), "catalog": limits("a", maximum)}
    demand = capacity.demands(1, sizes, server)["main"]
    assert findings.of_connections("main", demand, Use(folio=8, others=others), "Lower it.").status is status
