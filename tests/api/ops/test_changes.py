"""The record of changes over HTTP: complete, in the transaction of each change, and for operators alone."""

from typing import Any

import httpx
import pytest

from tests.harness.expect import contents, found, pages, problem
from tests.harness.payments import order
from tests.harness.world import Person, World

ANYONE = {"changed_by": None, "account_id": None, "user_id": None, "api_key_id": None, "before": None, "after": None}


@pytest.fixture
async def root(world: World) -> Person:
    """An operator."""
    return await world.person("root", role="operator")


async def changes(client: httpx.AsyncClient, root: Person, query: str = "") -> list[dict[str, Any]]:
    """Return the record, oldest first, without ids and times."""
    listed = await pages(client, f"/ops/changes{query}", root)
    assert [item["id"] for item in listed] == sorted((item["id"] for item in listed), reverse=True)
    assert [item["at"] for item in listed] == sorted((item["at"] for item in listed), reverse=True)
    return [{name: item[name] for name in ("kind", *ANYONE)} for item in reversed(listed)]


def account_change(changed_by: int, account_id: int, before: dict[str, Any] | None, **changed: Any) -> dict[str, Any]:
    """Return the change of an account."""
    kind = "account_opened" if before is None else "account_changed"
    after = {**(before or {}), **changed}
    return ANYONE | {
        "kind": kind,
        "changed_by": changed_by,
        "account_id": account_id,
        "before": before,
        "after": after,
    }


async def test_each_change_of_an_account_is_recorded(client: httpx.AsyncClient, world: World, root: Person) -> None:
    """Opening, owner, minimum and status, by owner and operator; renaming and payments change nothing of these."""
    ada, bob = await world.person("ada"), await world.person("bob")
    opened = {"owner_id": ada.id, "minimum": 0, "status": "open"}
    body = {"name": "Purse", "currency": "EUR"}
    account = found(await client.post("/accounts", json=body, headers=ada.headers), 201)["id"]
    path = f"/accounts/{account}"
    for person, change in (
        (ada, {"name": "Savings"}),
        (root, {"minimum": None}),
        (root, {"minimum": None}),
        (root, {"status": "frozen", "minimum": 0}),
        (root, {"status": "open", "owner_id": bob.id}),
        (bob, {"status": "closed", "name": "Old"}),
    ):
        found(await client.patch(path, json=change, headers=person.headers))
    unlimited = opened | {"minimum": None}
    frozen = opened | {"status": "frozen"}
    bobs = opened | {"owner_id": bob.id}
    assert await changes(client, root, f"?account_id={account}&limit=2") == [
        account_change(ada.id, account, None, **opened),
        account_change(root.id, account, opened, minimum=None),
        account_change(root.id, account, unlimited, minimum=0, status="frozen"),
        account_change(root.id, account, frozen, status="open", owner_id=bob.id),
        account_change(bob.id, account, bobs, status="closed"),
    ]


async def test_leaving_records_the_accounts_that_it_closes(
    client: httpx.AsyncClient, world: World, root: Person
) -> None:
    """Each account that was not closed yet has one change, by its owner; the user's own keys have none."""
    ada = await world.person("ada")
    accounts = {status: await world.account(ada, status=status) for status in ("open", "frozen", "closed")}
    found(await client.delete("/users/me", headers=ada.headers | {"If-Match": "*"}), 204)
    before = {"owner_id": ada.id, "minimum": 0}
    assert (await changes(client, root))[3:] == [
        account_change(ada.id, accounts[status], before | {"status": status}, status="closed")
        for status in ("open", "frozen")
    ]
    assert await changes(client, root, f"?user_id={ada.id}") == []


async def test_keys_for_others_are_recorded_and_own_keys_are_not(
    client: httpx.AsyncClient, world: World, root: Person
) -> None:
    """Issued and revoked keys of others, one row each; a user's own keys are their own business."""
    ada = await world.person("ada")
    own = found(await client.post("/users/me/api-keys", json={"name": "own"}, headers=ada.headers), 201)
    found(await client.delete(f"/users/me/api-keys/{own['id']}", headers=ada.headers), 204)
    path = f"/users/{ada.id}/api-keys"
    terms = {"read_only": True, "expires_at": "2126-01-01T00:00:00+00:00"}
    issued = found(await client.post(path, json={"name": "new"} | terms, headers=root.headers), 201)
    found(await client.post(f"/users/{root.id}/api-keys", json={"name": "mine"}, headers=root.headers), 201)
    for _ in range(2):
        found(await client.delete(path, headers=root.headers), 204)
    first = await world.value("SELECT min(id) FROM api_keys WHERE user_id = %s", ada.id)
    by_root = ANYONE | {"changed_by": root.id, "user_id": ada.id}
    rows = await changes(client, root, f"?user_id={ada.id}")
    assert rows[0] == by_root | {"kind": "key_issued", "api_key_id": issued["id"], "after": terms}
    assert sorted(rows[1:], key=lambda row: row["api_key_id"]) == [
        by_root | {"kind": "key_revoked", "api_key_id": first, "before": {"read_only": False, "expires_at": None}},
        by_root | {"kind": "key_revoked", "api_key_id": issued["id"], "before": terms},
    ]
    assert await changes(client, root, f"?user_id={root.id}") == []
    assert await changes(client, root, f"?user_id={ada.id}&account_id=1") == []


async def test_a_refused_change_records_nothing(client: httpx.AsyncClient, world: World, root: Person) -> None:
    """A refusal leaves the record as it is, and so does a payment."""
    ada = await world.person("ada")
    account, other = await world.account(ada), await world.account(ada)
    await world.fund(account, 10)
    before = await contents(world)
    headers = ada.headers
    problem(
        await client.patch(f"/accounts/{account}", json={"status": "closed"}, headers=headers), 409, "balance_not_zero"
    )
    problem(
        await client.patch(f"/accounts/{account}", json={"minimum": 11}, headers=root.headers), 409, "below_minimum"
    )
    problem(
        await client.patch(f"/accounts/{account}", json={"owner_id": 99}, headers=root.headers), 404, "user_not_found"
    )
    problem(await client.post("/users/99/api-keys", json={"name": "n"}, headers=root.headers), 404, "user_not_found")
    assert await contents(world) == before
    found(await client.post("/transfers", json=order(account, other, 5), headers=ada.paying()), 201)
    assert (await contents(world))["changes"] == before["changes"]


async def test_the_record_is_for_operators(client: httpx.AsyncClient, world: World, root: Person) -> None:
    """Members get 403; a filter that is no id, and a cursor of another list, get 422."""
    ada = await world.person("ada")
    problem(await client.get("/ops/changes"), 401, "unauthorized")
    problem(await client.get("/ops/changes", headers=ada.headers), 403, "operator_required")
    for query in ("account_id=x", "user_id=0", "limit=101", "cursor=x"):
        problem(await client.get(f"/ops/changes?{query}", headers=root.headers), 422, "validation_error")
