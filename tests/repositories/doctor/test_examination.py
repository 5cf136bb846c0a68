"""The doctor's checks of one database: the values that they read, and their judgement."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from repositories import server
from repositories.doctor import capacity, examination, findings
from repositories.doctor.examination import CHECKS, STATE, Examination
from repositories.doctor.findings import Status
from repositories.postgres import connections
from repositories.server import Clock, ConnectionCounts, Limits, Privileges, State
from tests.harness import templates
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
    encoding="UTF8",
    locale="C.UTF-8",
    indexed_collation=None,
    present_collation=None,
)


def faults(**difference: object) -> dict[str, Status]:
    """Return the checks that are not ok, of a sound state with a difference."""
    state = State(**{**vars(SOUND), **difference})
    report = findings.judge_state("main", state)
    assert tuple(finding.check for finding in report) == STATE
    return {finding.check: finding.status for finding in report if finding.status is not Status.OK}


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
        ({"encoding": "SQL_ASCII"}, {"encoding": Status.FAILED}),
        ({"indexed_collation": "2.36", "present_collation": "2.41"}, {"collation": Status.FAILED}),
        ({"indexed_collation": "2.41", "present_collation": "2.41"}, {}),
    ],
)
def test_settings_that_may_lose_a_commit_fail(difference: dict[str, object], expected: dict[str, Status]) -> None:
    """Each setting fails by itself; missing checksums are a warning, since they lose no commit."""
    assert faults(**difference) == expected


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
    """A slow round trip alone makes no clock wrong."""
    assert findings.judge_clock("main", Clock(ahead, uncertainty)).status is status


async def test_a_wrong_clock_is_noticed(databases: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's time is compared with this machine's in both directions; its time zone does not matter."""
    async with connections.connect(databases["main"], purpose="test") as connection:
        await connection.execute("SET TIME ZONE INTERVAL '+14:00' HOUR TO MINUTE")
        right = await server.read_clock(connection)
        monkeypatch.setattr(server, "time", SimpleNamespace(time=lambda: time.time() + 60))
        behind = await server.read_clock(connection)
    assert abs(right.ahead) <= right.uncertainty + 0.5
    assert findings.judge_clock("main", right).status is Status.OK
    assert -60.5 - behind.uncertainty < behind.ahead < -59.5 + behind.uncertainty
    assert findings.judge_clock("main", behind).status is Status.FAILED


@pytest.mark.parametrize(
    ("superuser", "owner", "status"),
    [(False, False, Status.OK), (True, False, Status.WARNING), (False, True, Status.WARNING)],
)
def test_a_login_with_more_privileges_than_serving_needs_is_a_warning(
    superuser: bool, owner: bool, status: Status
) -> None:
    """A superuser is a warning, and so is a member of the owner's role."""
    finding = findings.judge_privileges("main", Privileges("ada", superuser=superuser, owner=owner))
    assert (finding.status, finding.value.startswith("ada: ")) == (status, True)


async def test_a_database_of_another_encoding_is_found() -> None:
    """SQL_ASCII takes the schema without a word, and then any bytes as text."""
    for options, checks in (
        ("ENCODING 'UTF8'", set()),
        ("ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'", {"encoding"}),
    ):
        with templates.empty(options) as conninfo:
            async with connections.connect(conninfo, purpose="test") as connection:
                state = await server.read_state(connection)
        found = findings.judge_state("main", state)
        assert {finding.check for finding in found if finding.status is Status.FAILED} & {"encoding"} == checks


async def test_a_library_that_sorts_otherwise_than_the_indexes_is_found(databases: dict[str, str]) -> None:
    """The version that CREATE DATABASE recorded is compared with that of the library as it is now."""
    if not templates.has_roles():
        pytest.skip("only a superuser can change the recorded version")
    async with connections.connect(databases["main"], purpose="test") as connection:
        before = await server.read_state(connection)
        assert before.indexed_collation == before.present_collation
        async with connection.transaction(force_rollback=True):
            await connection.execute("UPDATE pg_database SET datcollversion = '0' WHERE datname = current_database()")
            changed = await server.read_state(connection)
    [finding] = [finding for finding in findings.judge_state("main", changed) if finding.check == "collation"]
    assert (finding.status, changed.indexed_collation) == (Status.FAILED, "0")


async def test_a_server_that_falls_silent_ends_the_examination(
    databases: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check has its finding: the one that timed out is failed, and those after it are unknown."""
    connect = Examination._connect

    async def connect_and_swallow(*arguments: object) -> object:
        connection = await connect(*arguments)  # type: ignore[arg-type]
        assert connection is not None
        between.swallowing = True
        connection.patience = 1.0
        return connection

    monkeypatch.setattr(Examination, "_connect", connect_and_swallow)
    monkeypatch.setattr(examination, "ANSWER_SECONDS", 30)  # connecting is slow on a busy machine
    async with proxy(databases["main"]) as between:
        database = Examination("main", between.conninfo, migrated_by_serve=False)
        async with asyncio.timeout(PATIENCE):
            await database.run()
    report = {finding.check: finding for finding in database.findings}
    assert report["connect"].status is not Status.FAILED
    assert {report[check].status for check in STATE} == {Status.FAILED}
    assert "no answer within" in report["fsync"].value
    assert {report[check].status for check in ("role", "clock", "migrations")} == {Status.UNKNOWN}
    assert {*report, "connections"} == set(CHECKS)


def limits(address: str, maximum: int = 100) -> Limits:
    return Limits(address=address, max_connections=maximum, reserved_connections=3)


def test_databases_of_one_server_share_its_connections() -> None:
    """Each worker needs its pools and, for each database, connections for readiness, operations and an audit."""
    sizes = {"main": 4, "catalog": 6}
    shared = capacity.demands(2, sizes, {"main": limits("a"), "catalog": limits("a")})
    assert {(demand.total, demand.allowed) for demand in shared.values()} == {(2 * (4 + 6 + 3 + 3), 97)}
    apart = capacity.demands(2, sizes, {"main": limits("a"), "catalog": limits("b")})
    assert {name: demand.total for name, demand in apart.items()} == {"main": 2 * 7, "catalog": 2 * 9}


@pytest.mark.parametrize(
    ("maximum", "others", "status"),
    [(17, 0, Status.OK), (17, 1, Status.WARNING), (16, 0, Status.FAILED), (16, 90, Status.FAILED)],
)
def test_the_sum_fails_if_the_server_can_never_allow_it(maximum: int, others: int, status: Status) -> None:
    """14 connections, and 3 reserved; connections that others have now are a warning, since they may close."""
    sizes = {"main": 4, "catalog": 4}
    demand = capacity.demands(1, sizes, {"main": limits("a", maximum), "catalog": limits("a", maximum)})["main"]
    counts = ConnectionCounts(folio=8, others=others)
    assert findings.judge_connections("main", demand, counts, "Lower it.").status is status
