"""Reversals: a transfer paid back, in full or in parts, by its recipient or an operator."""

import asyncio

import httpx
import psycopg
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


async def test_a_transfer_is_reversed_in_parts_until_nothing_is_left(client: httpx.AsyncClient, world: World) -> None:
    """More than what is left: 422 with `reversible`; no amount: the rest; a replay shows `reversed_amount` 0."""
    ada, bob = await world.person("ada"), await world.person("bob")
    payer, payee = await world.account(ada, minimum=None), await world.account(bob)
    first = await client.post("/transfers", json=order(payer, payee), headers=ada.paying("paid"))
    paid = found(first, 201)
    path = f"/transfers/{paid['id']}/reversal"

    async def reverse(amount: int | None = None, key: str | None = None) -> httpx.Response:
        return await client.post(path, json=None if amount is None else {"amount": amount}, headers=bob.paying(key))

    async def reversed_amount() -> int:
        return int(found(await client.get(f"/transfers/{paid['id']}", headers=ada.headers))["reversed_amount"])

    part = found(await reverse(60), 201)
    assert (part["amount"], part["reverses_id"], part["reversed_amount"]) == (60, paid["id"], 0)
    assert await reversed_amount() == 60
    refusal = problem(await reverse(41, "k"), 422, "exceeds_reversible")
    assert refusal["reversible"] == 40
    assert (await reverse(41, "k")).json() == refusal
    assert found(await reverse(), 201)["amount"] == 40
    problem(await reverse(1), 409, "already_reversed")
    problem(await reverse(), 409, "already_reversed")
    for body in ({"amount": 0}, {"amount": 1.5}, {"quantity": 1}):
        problem(await client.post(path, json=body, headers=bob.paying()), 422, "validation_error")
    assert (await reversed_amount(), await world.balances(payer, payee)) == (100, [0, 0])
    again = await client.post("/transfers", json=order(payer, payee), headers=ada.paying("paid"))
    assert (again.headers["Idempotency-Replayed"], again.text) == ("true", first.text)


async def test_two_reversals_of_60_of_100_at_once_are_one(client: httpx.AsyncClient, world: World) -> None:
    """One is made; the other is refused as exceeds_reversible, decided under the locks of the accounts."""
    ada = await world.person("ada")
    payee = await world.account(ada, minimum=None)
    await world.fund(payee, 100)
    path = f"/transfers/{await world.value('SELECT max(id) FROM transfers')}/reversal"
    received = await asyncio.gather(*(insist(client, path, {"amount": 60}, ada.paying()) for _ in range(2)))
    assert sorted(answer.status_code for answer in received) == [201, 422]
    [refused] = [answer for answer in received if answer.status_code == 422]
    assert problem(refused, 422, "exceeds_reversible")["reversible"] == 40
    assert await world.balances(payee) == [40]


async def test_the_database_refuses_reversals_beyond_the_amount(client: httpx.AsyncClient, world: World) -> None:
    """A release that does not know of parts cannot pay back more than was paid."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada, minimum=None)
    paid = found(await client.post("/transfers", json=order(payer, payee), headers=ada.paying()), 201)
    found(await client.post(f"/transfers/{paid['id']}/reversal", json={"amount": 60}, headers=ada.paying()), 201)
    again = "INSERT INTO transfers (from_account_id, to_account_id, amount, reverses_id, created_by, created_at)"
    values = (payee, payer, 41, paid["id"], ada.id)
    with pytest.raises(psycopg.errors.CheckViolation):
        await world.connection.execute(f"{again} VALUES (%s, %s, %s, %s, %s, clock_timestamp())".encode(), values)
