"""The examples run what the service runs, in its order and between the same BEGIN and COMMIT."""

import re
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from psycopg import AsyncCursor

from tests.harness.expect import found
from tests.harness.world import Connection, World, a_product
from tests.sql.examples import committed

Units = list[list[str]]

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


def units(events: Iterable[str]) -> Units:
    """Return the files run by each unit of work, in order; what runs outside of any is left out."""
    found: Units = []
    unit: list[str] | None = None
    for event in events:
        if event == BEGIN:
            unit = []
        elif event == "COMMIT" and unit is not None:
            found.append(unit)
            unit = None
        elif unit is not None:
            unit.append(event)
    return found


def shown(example: str) -> Units:
    """Return the units of work of a text like an example's output."""
    return units(re.findall(rf'^(?:EXECUTE ")?({BEGIN}|COMMIT|\w+/\w+/\w+)(?:;$|")', example, re.MULTILINE))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the service sends from now on: the name of each file, BEGIN and COMMIT."""
    events: list[str] = []
    execute = AsyncCursor.execute

    async def recorded(self: AsyncCursor[Any], query: Any, *arguments: Any, **more: Any) -> Any:
        if match := re.match(rf"{BEGIN}|COMMIT|\w+ /\* (?P<name>\S+) \*/", str(query)):
            events.append(match["name"] or match[0])
        return await execute(self, query, *arguments, **more)

    monkeypatch.setattr(AsyncCursor, "execute", recorded)
    return events


async def test_the_transfer_takes_the_steps_of_the_service(
    client: httpx.AsyncClient, world: World, sent: list[str]
) -> None:
    """POST /transfers, and the same again; an example that runs another file is caught (negative control)."""
    ada = await world.person("ada")
    purse, till = await world.account(ada), await world.account(ada)
    await world.fund(purse, 10000)
    headers = ada.paying("lunch-1")
    for _ in range(2):
        body = {"from_account_id": purse, "to_account_id": till, "amount": 1250}
        found(await client.post("/transfers", json=body, headers=headers), 201)
    example = committed("transfer")
    assert shown(example) == units(sent)
    other = example.replace('EXECUTE "main/idempotency_keys/find"', 'EXECUTE "main/accounts/get"', 1)
    assert shown(other) != units(sent)


async def test_the_hold_takes_the_steps_of_the_service(
    client: httpx.AsyncClient, world: World, sent: list[str]
) -> None:
    """POST /holds and POST /holds/{id}/capture."""
    ada, bob = await world.person("ada"), await world.person("bob")
    purse, till = await world.account(ada), await world.account(bob)
    await world.fund(purse, 10000)
    body = {"from_account_id": purse, "to_account_id": till, "amount": 3000, "expires_in": 86400}
    hold = found(await client.post("/holds", json=body, headers=ada.paying()), 201)
    found(await client.post(f"/holds/{hold['id']}/capture", json={"amount": 2500}, headers=bob.paying()))
    assert shown(committed("hold")) == units(sent)


async def test_the_purchase_takes_the_steps_of_the_service(
    client: httpx.AsyncClient, world: World, catalog: Connection, sent: list[str]
) -> None:
    """POST /purchases, over both databases; the example shows besides what a second try at reserving finds."""
    ada, bob = await world.person("ada"), await world.person("bob")
    purse, till = await world.account(ada), await world.account(bob)
    await world.fund(purse, 10000)
    product = await a_product(catalog, bob, till)
    body = {"product_id": product, "quantity": 2, "account_id": purse}
    found(await client.post("/purchases", json=body, headers=ada.paying()), 201)
    steps = shown(committed("purchase"))
    assert steps.pop(2) == ["catalog/products/lock", "catalog/reservations/get"]
    assert steps == units(sent)
