"""The ledger and a model of it: hypothesis drives both over HTTP and compares them after every step."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import cast

import httpx
import psycopg
import pytest
import uvloop
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from api.process.service import service_of
from repositories.ledger import purchases
from repositories.purchases import Purchase
from repositories.refusals import Refusal
from repositories.reservations import ReservationRepository
from repositories.transfers import TransferOrder, TransferRepository
from tests.harness.world import World
from tests.repositories.ledger.model import Ledger, Running

pytestmark = pytest.mark.full_pool

EXAMPLES = 12
STEPS = 30


@pytest.fixture
def folio(application: FastAPI, databases: dict[str, str]) -> Iterator[Running]:
    """The application in an event loop of its own, with a member and an operator."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        service_of(application).settings = service_of(application).settings.model_copy(
            update={"sweep_interval": 3600, "key_cache_seconds": 3600.0}
        )
        lifespan = application.router.lifespan_context(application)
        runner.run(lifespan.__aenter__())
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://folio", timeout=60)
        main, catalog = [
            runner.run(psycopg.AsyncConnection.connect(databases[name], autocommit=True))
            for name in ("main", "catalog")
        ]
        try:
            world = World(main)
            folio = Running(runner.run, client, world, catalog, application)
            folio.people = [runner.run(world.person("ada")), runner.run(world.person("root", role="operator"))]
            for person in folio.people:  # while the pool is jammed, no key can be looked up
                assert runner.run(client.get("/users/me", headers=person.headers)).status_code == 200
            yield folio
        finally:
            for connection in (main, catalog):
                runner.run(connection.close())
            runner.run(client.aclose())
            runner.run(lifespan.__aexit__(None, None, None))


def run_machine(folio: Running, phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    """Run the machine on examples that are the same each time."""
    run_state_machine_as_test(
        cast("type[Ledger]", partial(Ledger, folio)),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=True,
            phases=phases,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_ledger_and_its_model_agree(folio: Running) -> None:
    """Payments, holds, purchases, reversals and refunds in parts, references, freezing; the audit is clean after it."""
    run_machine(folio)
    world = folio.world
    folio.run(world.connection.execute("UPDATE purchases SET decided_at = decided_at - interval '1 hour'"))
    audit = folio.run(folio.client.post("/ops/audit", headers=folio.people[-1].headers)).json()
    assert audit["ok"], audit
    for table, number in (("transfers", EXAMPLES * 5), ("refunds", EXAMPLES)):
        assert folio.run(world.value(f"SELECT count(*) FROM {table}")) > number


async def _nothing_reversed(_: TransferRepository, *, id: int) -> int:
    del id
    return 0


async def _nothing_returned(_: ReservationRepository, **arguments: int) -> None:
    del arguments


def _as_if_first(purchase: Purchase, amount: int, quantity: int) -> Refusal | None:
    return _refund_conflict(replace(purchase, refunded_amount=0, refunded_quantity=0), amount, quantity)


_refund_conflict = purchases._refund_conflict
VARIANTS: list[tuple[object, str, object]] = [
    (TransferRepository, "sum_reversed", _nothing_reversed),
    (purchases, "_refund_conflict", _as_if_first),
    (ReservationRepository, "give_back", _nothing_returned),
    (TransferOrder, "reference_by", property(lambda order: order.reference and order.ordered_by)),
]
"""A reversal and a refund that forget earlier ones, a refund without its stock, a reference with another writer."""


@pytest.mark.parametrize(("target", "name", "variant"), VARIANTS, ids=[name for _, name, _ in VARIANTS])
def test_a_broken_ledger_and_its_model_disagree(
    folio: Running, target: object, name: str, variant: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: for each variant, some example fails."""
    monkeypatch.setattr(target, name, variant)
    with pytest.raises(AssertionError):
        run_machine(folio, phases=(Phase.generate,))
