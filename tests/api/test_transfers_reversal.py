"""Reversals: a transfer paid back, once, by its recipient or an operator."""

import asyncio

import httpx
import pytest

from tests.harness.expect import found, insist, problem
from tests.harness.payments import order
from tests.harness.world import World

pytestmark = pytest.mark.full_pool


async def test_the_recipient_reverses_once(client: httpx.AsyncClient, world: World) -> None:
    """A reversal is a transfer the other way that names the first; the payer gets 403, a stranger 404."""
    ada, bob, eve = await world.person("ada"), await world.person("bob"), await world.person("eve")
    payer, payee = await world.account(ada), await world.account(bob)
    await world.fund(payer, 100)
    paid = found(await client.post("/transfers", json=order(payer, payee), headers=ada.paying()), 201)
    path = f"/transfers/{paid['id']}/reversal"
    problem(await client.post(path, headers=ada.paying()), 403, "not_owner")
    problem(await client.post(path, headers=eve.paying()), 404, "transfer_not_found")
    problem(await client.post("/transfers/999/reversal", headers=bob.paying()), 404, "transfer_not_found")
    problem(await client.post(path, headers=bob.headers), 400, "idempotency_key_missing")
    answer = await client.post(path, headers=bob.paying("k"))
    reversal = found(answer, 201)
    assert answer.headers["Location"] == f"/transfers/{reversal['id']}"
    assert (reversal["from_account_id"], reversal["to_account_id"]) == (payee, payer)
    assert (reversal["amount"], reversal["reverses_id"]) == (100, paid["id"])
    assert [shown["account_id"] for shown in reversal["balances"]] == [payee]
    assert await world.balances(payer, payee) == [100, 0]
    again = await client.post(path, headers=bob.paying("k"))
    assert (again.status_code, again.content) == (201, answer.content)
    problem(await client.post(path, headers=bob.paying("other")), 409, "already_reversed")
    assert await world.balances(payer, payee) == [100, 0]


async def test_a_reversal_is_refused_like_any_transfer(client: httpx.AsyncClient, world: World) -> None:
    """Refused if the money is spent or the account frozen; an operator is not told the balance."""
    ada, bob = await world.person("ada"), await world.person("bob")
    root = await world.person("root", role="operator")
    payer, payee = await world.account(ada, minimum=None), await world.account(bob)
    paid = found(await client.post("/transfers", json=order(payer, payee), headers=ada.paying()), 201)
    spent = found(await client.post("/transfers", json=order(payee, payer, 60), headers=bob.paying()), 201)
    path = f"/transfers/{paid['id']}/reversal"
    own = problem(await client.post(path, headers=bob.paying()), 422, "insufficient_funds")
    assert (own["available"], own["shortfall"]) == (40, 60)
    assert "available" not in problem(await client.post(path, headers=root.paying()), 422, "insufficient_funds")
    await world.connection.execute("UPDATE accounts SET status = 'frozen' WHERE id = %s", (payee,))
    problem(await client.post(path, headers=bob.paying()), 409, "account_frozen")
    await world.connection.execute("UPDATE accounts SET status = 'open'")
    found(await client.post(f"/transfers/{spent['id']}/reversal", headers=ada.paying()), 201)
    by_operator = found(await client.post(path, headers=root.paying("r")), 201)
    assert by_operator["balances"] == []
    assert found(await client.post(path, headers=root.paying("r")), 201) == by_operator
    assert await world.balances(payer, payee) == [0, 0]


async def test_20_reversals_at_once_are_one(client: httpx.AsyncClient, world: World) -> None:
    """Under 20 keys: one is made, 19 are refused as already_reversed."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada, minimum=None)
    paid = found(await client.post("/transfers", json=order(payer, payee), headers=ada.paying()), 201)
    path = f"/transfers/{paid['id']}/reversal"
    received = await asyncio.gather(*(insist(client, path, None, ada.paying()) for _ in range(20)))
    assert sorted(answer.status_code for answer in received) == [201] + [409] * 19
    assert await world.balances(payer, payee) == [0, 0]
