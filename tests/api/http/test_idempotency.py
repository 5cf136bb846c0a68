"""Idempotency-Key: the same request under the same key is carried out once and answered alike."""

import asyncio

import httpx
import pytest

from tests.harness.expect import insist
from tests.harness.payments import order
from tests.harness.world import World

pytestmark = pytest.mark.full_pool


async def test_50_identical_transfers_at_once_are_one_transfer_and_50_identical_answers(
    client: httpx.AsyncClient, world: World
) -> None:
    """One is written; 49 are replays of its answer, down to the byte."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    headers = ada.paying("once")
    send = [insist(client, "/transfers", order(payer, payee), headers) for _ in range(50)]
    received = await asyncio.gather(*send)
    assert {answer.status_code for answer in received} == {201}
    assert len({answer.content for answer in received}) == 1
    assert len({answer.headers["Location"] for answer in received}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in received) == 49
    assert await world.value("SELECT count(*) FROM transfers") == 1
    assert await world.balances(payer, payee) == [-100, 100]


async def test_50_identical_refusals_at_once_are_decided_once(client: httpx.AsyncClient, world: World) -> None:
    """A refusal that was decided under the locks is stored and replayed like any other answer."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada), await world.account(ada)
    headers = ada.paying("once")
    send = [insist(client, "/transfers", order(payer, payee), headers) for _ in range(50)]
    received = await asyncio.gather(*send)
    assert {answer.status_code for answer in received} == {422}
    assert len({answer.content for answer in received}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in received) == 49


async def test_a_stored_refusal_outlives_its_reason(client: httpx.AsyncClient, world: World) -> None:
    """A new attempt needs a new key."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada), await world.account(ada)
    first = await client.post("/transfers", json=order(payer, payee), headers=ada.paying("poor"))
    await world.fund(payer, 1000)
    again = await client.post("/transfers", json=order(payer, payee), headers=ada.paying("poor"))
    assert again.content == first.content
    assert (await client.post("/transfers", json=order(payer, payee), headers=ada.paying("rich"))).status_code == 201


async def test_a_repeat_is_answered_even_when_the_money_is_gone(client: httpx.AsyncClient, world: World) -> None:
    """The key is looked for under the locks, before the request is judged."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada), await world.account(ada)
    await world.fund(payer, 100)
    first = await client.post("/transfers", json=order(payer, payee), headers=ada.paying("drain"))
    again = await client.post("/transfers", json=order(payer, payee), headers=ada.paying("drain"))
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)


async def test_a_repeat_gets_the_first_answer_after_a_change_of_owner(client: httpx.AsyncClient, world: World) -> None:
    """A replay shows the balances that the first answer showed, not those of the present owner."""
    ada, bob = await world.person("ada"), await world.person("bob")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    first = await client.post("/transfers", json=order(payer, payee), headers=ada.paying("mine"))
    await world.connection.execute("UPDATE accounts SET owner_id = %s WHERE id = %s", (bob.id, payee))
    again = await client.post("/transfers", json=order(payer, payee), headers=ada.paying("mine"))
    assert again.content == first.content


async def test_another_request_under_the_key_is_refused(client: httpx.AsyncClient, world: World) -> None:
    """422 idempotency_key_reused, and nothing is done."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    await client.post("/transfers", json=order(payer, payee), headers=ada.paying("k"))
    others: list[dict[str, object]] = [{"amount": 101}, {"description": "other"}, {"currency": "EUR"}]
    for change in others:
        other = await client.post("/transfers", json=order(payer, payee) | change, headers=ada.paying("k"))
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    post = await client.post("/posts", json={"title": "t", "content": "c"}, headers=ada.paying("k"))
    assert (post.status_code, post.json()["code"]) == (422, "idempotency_key_reused")
    assert await world.value("SELECT count(*) FROM transfers") == 1


async def test_the_same_request_is_the_same_however_it_is_written(client: httpx.AsyncClient, world: World) -> None:
    """White space, the order of members and escapes do not count."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    first = await client.post("/transfers", json=order(payer, payee) | {"description": "é"}, headers=ada.paying("k"))
    text = f'{{"amount" : 100, "description": "\\u00e9",\n "to_account_id":{payee}, "from_account_id":{payer}}}'
    headers = ada.paying("k") | {"Content-Type": "application/json; charset=utf-8"}
    assert (await client.post("/transfers", content=text, headers=headers)).content == first.content


async def test_a_key_belongs_to_its_user(client: httpx.AsyncClient, world: World) -> None:
    """Two users may choose the same key."""
    ada, bob = await world.person("ada"), await world.person("bob")
    for person in (ada, bob):
        payer, payee = await world.account(person, minimum=None), await world.account(person)
        answer = await client.post("/transfers", json=order(payer, payee), headers=person.paying("k"))
        assert answer.status_code == 201
        assert "Idempotency-Replayed" not in answer.headers


@pytest.mark.parametrize("path", ["/posts", "/accounts"])
async def test_other_creating_posts_accept_a_key(client: httpx.AsyncClient, world: World, path: str) -> None:
    """Ten at once make one; a repeat shows an account as it was first answered, and a post as it is now."""
    ada = await world.person("ada")
    body = {"/posts": {"title": "t", "content": "c"}, "/accounts": {"name": "n", "currency": "EUR"}}[path]
    received = await asyncio.gather(*(insist(client, path, body, ada.paying("k")) for _ in range(10)))
    assert {answer.status_code for answer in received} == {201}, received[0].text
    assert len({answer.content for answer in received}) == 1
    assert len({answer.headers["Location"] for answer in received}) == 1
    assert await world.value(f"SELECT count(*) FROM {path[1:]}") == 1
    field = {"/posts": "title", "/accounts": "name"}[path]
    where = received[0].headers["Location"]
    changed = await client.patch(where, json={field: "changed"}, headers=ada.headers | {"If-Match": "*"})
    assert changed.json()[field] == "changed"
    again = await client.post(path, json=body, headers=ada.paying("k"))
    assert again.content == (changed if path == "/posts" else received[0]).content
    assert again.headers.get("ETag") == changed.headers.get("ETag")
    assert (again.status_code, again.headers["Location"]) == (201, where)


async def test_404_and_validation_store_nothing(client: httpx.AsyncClient, world: World) -> None:
    """The key can be used for a corrected request."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    for bad, status in ((order(payer, 999), 404), (order(payer, payee, 0), 422)):
        assert (await client.post("/transfers", json=bad, headers=ada.paying("k"))).status_code == status
    assert (await client.post("/transfers", json=order(payer, payee), headers=ada.paying("k"))).status_code == 201


async def test_a_key_is_needed_to_move_money(client: httpx.AsyncClient, world: World) -> None:
    """400 without one, 422 for one of the wrong length."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    without = await client.post("/transfers", json=order(payer, payee), headers=ada.headers)
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")
    for key in ("", "k" * 256):
        headers = ada.headers | {"Idempotency-Key": key}
        wrong = await client.post("/transfers", json=order(payer, payee), headers=headers)
        assert (wrong.status_code, wrong.json()["code"]) == (422, "validation_error")
