"""The audit: clean after ordinary work, and each invariant's query finds its own kind of break."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.audit import run
from tests.harness.expect import found
from tests.harness.payments import order
from tests.harness.world import Connection, World, a_product

pytestmark = pytest.mark.full_pool

BREAKS = {
    "main/purchases": "UPDATE purchases SET transfer_id = 1",
    "main/sum_zero": "INSERT INTO entries VALUES (1, 2, 1, 5, 105, clock_timestamp())",
    "main/entries_pair_up": "DELETE FROM entries WHERE transfer_id = 1 AND amount > 0",
    "main/balance": "UPDATE accounts SET balance = balance + 1 WHERE id = 1",
    "main/chain": "UPDATE entries SET balance_after = balance_after + 1 WHERE account_id = 1",
    "main/below_minimum": "UPDATE accounts SET minimum = 1000 WHERE id = 1",
    "main/keys": "UPDATE idempotency_keys SET resource_id = 999 WHERE kind = 'transfer'",
    "main/held": "UPDATE accounts SET held = held + 1 WHERE id = 1",
    "main/captures": "UPDATE transfers SET amount = 101 WHERE hold_id IS NOT NULL",
    "main/reversals": "UPDATE transfers SET amount = 101 WHERE reverses_id IS NOT NULL",
}


async def audit(client: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, int]:
    answer = await client.post("/ops/audit", headers=headers)
    assert answer.status_code == 200, answer.text
    assert (await client.get("/ops/audit", headers=headers)).json() == answer.json()
    rows = {check["name"]: len(check["rows"]) for check in answer.json()["checks"]}
    assert answer.json()["ok"] == (not any(rows.values()))
    return rows


async def test_the_audit_is_clean_after_ordinary_work_and_only_for_operators(
    client: httpx.AsyncClient, world: World
) -> None:
    """Every check is named and has no row; members are refused; before the first run there is no result."""
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    assert (await client.get("/ops/audit", headers=root.headers)).json()["code"] == "audit_not_found"
    for key in ("a", "b"):
        await client.post("/transfers", json=order(payer, payee), headers=ada.paying(key))
    assert await audit(client, root.headers) == dict.fromkeys(["both/purchases", *sorted(BREAKS)], 0)
    for method in ("GET", "POST"):
        refused = await client.request(method, "/ops/audit", headers=ada.headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "operator_required")


ANOTHER_TIME = "UPDATE transfers SET created_at = created_at - interval '1 year' WHERE id = 1"


@pytest.mark.parametrize(("check", "change"), [*BREAKS.items(), ("main/entries_pair_up", ANOTHER_TIME)])
async def test_each_check_finds_its_kind_of_break(
    client: httpx.AsyncClient, world: World, catalog: Connection, check: str, change: str
) -> None:
    """Without triggers and constraints a superuser breaks the data, and the check reports a row."""
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    account = await world.account(ada)
    await world.fund(account, 100)
    other = await world.account(ada)
    payment = found(await client.post("/transfers", json=order(account, other), headers=ada.paying("k")), 201)
    found(await client.post(f"/transfers/{payment['id']}/reversal", headers=ada.paying()), 201)
    for _ in range(2):
        promise = order(account, other, 40, expires_in=60)
        hold = found(await client.post("/holds", json=promise, headers=ada.paying()), 201)
    found(await client.post(f"/holds/{hold['id']}/capture", headers=ada.paying()))
    await client.post(
        "/purchases",
        json={"product_id": await a_product(catalog, ada, other), "quantity": 1, "account_id": account},
        headers=ada.paying(),
    )
    assert not any((await audit(client, root.headers)).values())
    connection = world.connection
    for table in ("entries", "transfers"):
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
    await connection.execute("ALTER TABLE accounts DROP CONSTRAINT accounts_available_check")
    await connection.execute("ALTER TABLE entries DROP CONSTRAINT entries_pkey CASCADE")
    await connection.execute("DROP INDEX entries_transfer_id_key")
    await connection.execute(change.encode())
    assert (await audit(client, root.headers))[check] > 0


async def test_an_audit_that_takes_longer_than_its_request_continues(
    client: httpx.AsyncClient, app: FastAPI, settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is 202 with the result's location; a second audit is 409; then the result is stored."""
    monkeypatch.setitem(run.BUDGETS, "lock_timeout", "60s")
    root = await world.person("root", role="operator")
    async with world.connection.transaction():
        await world.connection.execute("LOCK TABLE entries IN ACCESS EXCLUSIVE MODE")
        service_of(app).settings = settings.model_copy(update={"request_timeout": 3})
        answer = await client.post("/ops/audit", headers=root.headers)
        assert (answer.status_code, answer.headers["Location"]) == (202, "/ops/audit")
        assert answer.json() == {"status": "running"}
        service_of(app).settings = settings
        again = await client.post("/ops/audit", headers=root.headers)
        assert (again.status_code, again.json()["code"]) == (409, "audit_running")
    async with asyncio.timeout(60):
        while (answer := await client.get("/ops/audit", headers=root.headers)).status_code == 404:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert answer.json()["ok"]
