"""A cluster loses its leader under load: nothing acknowledged is lost or doubled, and service returns by itself."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.failover import cluster as clusters
from tests.faults.databases import create_databases
from tests.faults.trial import Trial

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.failover.cluster import Cluster

CODES = ("database_unavailable", "database_read_only", "outcome_unknown", "pool_exhausted", "lock_timeout")
FAULTS = ("leader killed", "leader paused", "leader switched over", "synchronous standby restarted")
WAYS = ("a URL with three hosts", "HAProxy")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if lacks := clusters.missing():
        pytest.skip(f"this machine has no {', '.join(lacks)}: apt install patroni etcd-server haproxy postgresql")
    with clusters.running() as running:
        yield running


@asynccontextmanager
async def caused(cluster: Cluster, fault: str) -> AsyncIterator[None]:
    """Cause a fault; the end of the context returns when a leader takes writes."""
    leader, standby = cluster.node("leader"), cluster.node("sync_standby")
    if fault == "leader killed":
        await asyncio.to_thread(leader.send, signal.SIGKILL)
        yield
        await asyncio.to_thread(partial(cluster.wait_for_leader, other_than=leader))
        cluster.start_node(leader)
    elif fault == "leader paused":
        await asyncio.to_thread(leader.send, signal.SIGSTOP)
        yield
        await asyncio.to_thread(partial(cluster.wait_for_leader, other_than=leader))
        await asyncio.to_thread(leader.send, signal.SIGCONT)
    elif fault == "leader switched over":
        switch = asyncio.create_task(asyncio.to_thread(cluster.switch_over, leader, standby))
        yield
        await switch
        await asyncio.to_thread(partial(cluster.wait_for_leader, other_than=leader))
    else:
        await asyncio.to_thread(standby.send, signal.SIGKILL)
        yield
        cluster.start_node(standby)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failover_loses_nothing(
    cluster: Cluster, way: str, fault: str, record_property: Callable[[str, object], None]
) -> None:
    """Each way to the primary, with each fault."""
    await asyncio.to_thread(cluster.wait_until_healthy)
    primary = make_conninfo(cluster.direct, target_session_attrs="primary", connect_timeout=3)
    databases = await asyncio.to_thread(create_databases, primary)
    address = cluster.direct if way == WAYS[0] else cluster.haproxy
    service = {
        database: make_conninfo(address, dbname=str(conninfo_to_dict(conninfo)["dbname"]))
        for database, conninfo in databases.items()
    }
    trial = Trial(record_property, databases, service)
    figures = await trial.run(f"{fault}, by {way}", caused(cluster, fault), seconds=2)
    assert figures.violations == []
    assert figures.recovery < 5.0
    assert figures.refused.keys() <= set(CODES)
