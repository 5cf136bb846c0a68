"""Transfers over HTTP: money moved, refusals with their reasons, and visibility."""

import httpx
import pytest

from tests.harness.expect import pages, problem
from tests.harness.payments import order
from tests.harness.world import World

pytestmark = pytest.mark.full_pool

MAXIMUM = 2**53 - 1


async def test_a_transfer_moves_money_and_shows_the_payer_their_own_balance(
    client: httpx.AsyncClient, world: World
) -> None:
    """201 with Location, every member, and the balance of the caller's own account only."""
    ada, bob = await world.person("ada"), await world.person("bob")
    payer, payee = await world.account(ada), await world.account(bob)
    await world.fund(payer, 500)
    answer = await client.post("/transfers", json=order(payer, payee, description="Lunch"), headers=ada.paying())
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert answer.headers["Location"] == f"/transfers/{body['id']}"
    assert {name: body[name] for name in body if name not in {"id", "created_at"}} == {
        "from_account_id": payer,
        "to_account_id": payee,
        "currency": "EUR",
        "amount": 100,
        "description": "Lunch",
        "reverses_id": None,
        "reference": None,
        "metadata": None,
        "hold_id": None,
        "reversed_amount": 0,
        "purchase_id": None,
        "balances": [{"account_id": payer, "balance": 400, "version": 2}],
    }
    assert await world.balances(payer, payee) == [400, 100]
    payees = (await client.get(answer.headers["Location"], headers=bob.headers)).json()
    assert payees == body | {"balances": [{"account_id": payee, "balance": 100, "version": 1}]}


async def test_a_transfer_between_own_accounts_shows_both_balances(client: httpx.AsyncClient, world: World) -> None:
    """The payer's balance first."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    answer = await client.post("/transfers", json=order(payer, payee), headers=ada.paying())
    assert [(shown["account_id"], shown["balance"]) for shown in answer.json()["balances"]] == [
        (payer, -100),
        (payee, 100),
    ]


async def test_a_refusal_names_its_reason_and_moves_nothing(client: httpx.AsyncClient, world: World) -> None:
    """Each reason has its status and code; no transfer is written."""
    ada, bob = await world.person("ada"), await world.person("bob")
    payer, theirs = await world.account(ada), await world.account(bob)
    dollars = await world.account(bob, currency="USD")
    frozen, closed = [await world.account(bob, status=status) for status in ("frozen", "closed")]
    own = {status: await world.account(ada, status=status) for status in ("frozen", "closed")}
    await world.fund(payer, 500)
    refusals: list[tuple[dict[str, object], int, str]] = [
        ({"from_account_id": 999}, 404, "account_not_found"),
        ({"from_account_id": theirs}, 404, "account_not_found"),
        ({"to_account_id": 999}, 404, "account_not_found"),
        ({"to_account_id": payer}, 422, "same_account"),
        ({"to_account_id": dollars}, 422, "currency_mismatch"),
        ({"currency": "USD"}, 422, "currency_mismatch"),
        ({"to_account_id": frozen}, 409, "account_unavailable"),
        ({"to_account_id": closed}, 409, "account_unavailable"),
        ({"from_account_id": own["frozen"]}, 409, "account_frozen"),
        ({"from_account_id": own["closed"]}, 409, "account_closed"),
        ({"to_account_id": own["closed"]}, 409, "account_closed"),
        ({"from_account_id": own["closed"], "to_account_id": frozen}, 409, "account_closed"),
        ({"from_account_version": 0}, 409, "version_mismatch"),
        ({"amount": 501}, 422, "insufficient_funds"),
    ]
    for change, status, code in refusals:
        answer = await client.post("/transfers", json=order(payer, theirs) | change, headers=ada.paying())
        refused = problem(answer, status, code)
        assert refused.get("available") == (500 if code == "insufficient_funds" else None)
        assert refused.get("shortfall") == (1 if code == "insufficient_funds" else None)
    assert await world.value("SELECT count(*) FROM transfers") == 1
    assert await world.balances(payer, theirs) == [500, 0]


async def test_a_transfer_to_the_version_that_was_read_is_made(client: httpx.AsyncClient, world: World) -> None:
    """from_account_version matches as long as the account has no newer entry."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    for version in (0, 1):
        body = order(payer, payee, from_account_version=version)
        assert (await client.post("/transfers", json=body, headers=ada.paying())).status_code == 201


async def test_a_balance_never_leaves_the_exact_range(client: httpx.AsyncClient, world: World) -> None:
    """A transfer that would make a balance larger than 2^53 - 1 is refused, not rounded and not a 500."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    first = await client.post("/transfers", json=order(payer, payee, MAXIMUM), headers=ada.paying())
    assert first.status_code == 201
    second = await client.post("/transfers", json=order(payer, payee, 1), headers=ada.paying())
    assert (second.status_code, second.json()["code"]) == (422, "balance_out_of_range")


async def test_an_operator_reads_everything_and_moves_only_their_own(client: httpx.AsyncClient, world: World) -> None:
    """An operator paying from another user's account gets 404, as a member does."""
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    payer, payee = await world.account(ada, minimum=None), await world.account(root)
    refused = await client.post("/transfers", json=order(payer, payee), headers=root.paying())
    assert (refused.status_code, refused.json()["code"]) == (404, "account_not_found")
    answer = await client.post("/transfers", json=order(payer, payee), headers=ada.paying())
    assert (await client.get(answer.headers["Location"], headers=root.headers)).status_code == 200


async def test_a_stranger_sees_no_transfer(client: httpx.AsyncClient, world: World) -> None:
    """404 by path, by filter and in the list."""
    ada, eve = await world.person("ada"), await world.person("eve")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    answer = await client.post("/transfers", json=order(payer, payee), headers=ada.paying())
    assert (await client.get(answer.headers["Location"], headers=eve.headers)).json()["code"] == "transfer_not_found"
    filtered = await client.get(f"/transfers?account_id={payer}", headers=eve.headers)
    assert (filtered.status_code, filtered.json()["code"]) == (404, "account_not_found")
    assert (await client.get("/transfers", headers=eve.headers)).json() == {"items": [], "next_cursor": None}


async def test_lists_page_through_everything_once_newest_first(client: httpx.AsyncClient, world: World) -> None:
    """Transfers by owner, by account and for operators, and the statement: each row once, newest first."""
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    payer, payee, other = await world.account(ada, minimum=None), await world.account(ada), await world.account(ada)
    ids = []
    for number in range(7):
        body = order(payer, payee if number % 2 else other, 10 + number)
        ids.append((await client.post("/transfers", json=body, headers=ada.paying())).json()["id"])
    newest = ids[::-1]
    assert [item["id"] for item in await pages(client, "/transfers?limit=2", ada)] == newest
    assert [item["id"] for item in await pages(client, "/transfers?limit=2", root)] == newest
    assert [item["id"] for item in await pages(client, f"/transfers?limit=3&account_id={payee}", ada)] == newest[1::2]
    statement = await pages(client, f"/accounts/{payer}/entries?limit=3", ada)
    assert [entry["version"] for entry in statement] == [7, 6, 5, 4, 3, 2, 1]
    assert [entry["transfer_id"] for entry in statement] == newest
    assert statement[0]["balance_after"] == -sum(range(10, 17))
