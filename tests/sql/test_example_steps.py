"""The examples run the same statements as the service, in the same order and the same transactions."""

import re
from collections.abc import Iterable
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from psycopg import AsyncCursor

from api.process.service import service_of
from repositories.idempotency_keys import Key
from repositories.ledger.imports import import_batch
from repositories.ledger.payments import Payment
from repositories.postgres import unit_of_work
from repositories.transfers import TransferOrder
from tests.harness.expect import found
from tests.harness.world import Connection, World, a_product
from tests.sql.examples import committed

Units = list[list[str]]

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"


def units(events: Iterable[str]) -> Units:
    """Return the files that each unit of work runs, in order; files outside a unit of work are left out."""
    finished: Units = []
    unit: list[str] | None = None
    for event in events:
        if event == BEGIN:
            unit = []
        elif event == "COMMIT" and unit is not None:
            finished.append(unit)
            unit = None
        elif unit is not None:
            unit.append(event)
    return finished


def units_of_example(example: str) -> Units:
    """Return the units of work in an example's output."""
    return units(re.findall(rf'^(?:EXECUTE ")?({BEGIN}|COMMIT|\w+/\w+/\w+)(?:;$|")', example, re.MULTILINE))


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each BEGIN, COMMIT and name of a file is appended that the service sends."""
    events: list[str] = []
    execute = AsyncCursor.execute

    async def record(self: AsyncCursor[Any], query: Any, *arguments: Any, **options: Any) -> Any:
        if match := re.match(rf"{BEGIN}|COMMIT|\w+ /\* (?P<name>\S+) \*/", str(query)):
            events.append(match["name"] or match[0])
        return await execute(self, query, *arguments, **options)

    monkeypatch.setattr(AsyncCursor, "execute", record)
    return events


async def test_the_transfer_takes_the_steps_of_the_service(
    client: httpx.AsyncClient, world: World, events: list[str]
) -> None:
    """POST /transfers, its repeat and a reversal run the files of the example; other files are reported."""
    ada = await world.person("ada")
    purse, till = await world.account(ada), await world.account(ada)
    await world.fund(purse, 10000)
    headers = ada.paying("lunch-1")
    for _ in range(2):
        body = {"from_account_id": purse, "to_account_id": till, "amount": 1250}
        paid = found(await client.post("/transfers", json=body, headers=headers), 201)
    path = f"/transfers/{paid['id']}/reversal"
    found(await client.post(path, json={"amount": 500}, headers=ada.paying()), 201)
    example = committed("transfer")
    assert units_of_example(example) == units(events)
    other = example.replace('EXECUTE "main/idempotency_keys/find"', 'EXECUTE "main/accounts/get"', 1)
    assert units_of_example(other) != units(events)


async def test_the_hold_takes_the_steps_of_the_service(
    client: httpx.AsyncClient, world: World, events: list[str]
) -> None:
    """POST /holds and POST /holds/{id}/capture run the files of the example."""
    ada, bob = await world.person("ada"), await world.person("bob")
    purse, till = await world.account(ada), await world.account(bob)
    await world.fund(purse, 10000)
    body = {"from_account_id": purse, "to_account_id": till, "amount": 3000, "expires_in": 86400}
    hold = found(await client.post("/holds", json=body, headers=ada.paying()), 201)
    found(await client.post(f"/holds/{hold['id']}/capture", json={"amount": 2500}, headers=bob.paying()))
    assert units_of_example(committed("hold")) == units(events)


async def test_the_purchase_takes_the_steps_of_the_service(
    client: httpx.AsyncClient, world: World, catalog: Connection, events: list[str]
) -> None:
    """POST /purchases runs the files of the example, which also shows a second attempt to reserve."""
    ada, bob = await world.person("ada"), await world.person("bob")
    purse, till = await world.account(ada), await world.account(bob)
    await world.fund(purse, 10000)
    product = await a_product(catalog, bob, till)
    body = {"product_id": product, "quantity": 2, "account_id": purse}
    found(await client.post("/purchases", json=body, headers=ada.paying()), 201)
    steps = units_of_example(committed("purchase"))[:6]  # a refund follows
    assert steps.pop(2) == ["catalog/products/lock", "catalog/reservations/get"]
    assert steps == units(events)


async def test_the_import_takes_the_steps_of_the_service(app: FastAPI, world: World, events: list[str]) -> None:
    """A batch of `folio import` and its repeat run the files of the example."""
    ada, bob = await world.person("ada"), await world.person("bob")
    pairs = [(await world.account(ada, minimum=None), await world.account(bob))]
    pairs.append(pairs[0][::-1])
    payments = [
        Payment(
            TransferOrder(ordered_by=bob.id, from_account_id=payer, to_account_id=payee, amount=1, consented=True),
            Key(bob.id, f"old-{payer}", bytes(32), request_id=""),
        )
        for payer, payee in pairs
    ]
    for _ in range(2):
        async with service_of(app).pools["main"].checkout() as checkout:
            await unit_of_work.run(checkout, partial(import_batch, payments=payments))
    assert units_of_example(committed("import")) == units(events)


async def test_the_change_takes_the_steps_of_the_service(
    client: httpx.AsyncClient, world: World, events: list[str]
) -> None:
    """PATCH /accounts/{id} by an operator runs the files of the example."""
    ada, bob = await world.person("ada"), await world.person("bob", role="operator")
    purse = await world.account(ada)
    found(await client.patch(f"/accounts/{purse}", json={"status": "frozen"}, headers=bob.headers))
    assert units_of_example(committed("change")) == units(events)
