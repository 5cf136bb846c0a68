"""Accounts over HTTP: opened, renamed and closed by their owners; frozen, limited and handed over by operators."""

import httpx
import pytest

from api.process.settings import Settings
from tests.harness.expect import contents, found, pages, problem
from tests.harness.world import World

MAXIMUM = 2**53 - 1


async def test_an_account_is_opened_at_zero_and_named_by_its_owner(client: httpx.AsyncClient, world: World) -> None:
    """201 with Location and every member; a change keeps the version, which counts entries."""
    ada = await world.person("ada")
    answer = await client.post("/accounts", json={"name": "Everyday", "currency": "JPY"}, headers=ada.headers)
    body = found(answer, 201)
    assert answer.headers["Location"] == f"/accounts/{body['id']}"
    assert {name: value for name, value in body.items() if name not in {"id", "created_at"}} == {
        "owner_id": ada.id,
        "name": "Everyday",
        "currency": "JPY",
        "balance": 0,
        "held": 0,
        "available": 0,
        "minimum": 0,
        "status": "open",
        "version": 0,
    }
    path = f"/accounts/{body['id']}"
    named = body | {"name": "Savings"}
    assert found(await client.patch(path, json={"name": "Savings"}, headers=ada.headers)) == named
    assert found(await client.patch(path, json={}, headers=ada.headers)) == named
    assert found(await client.get(path, headers=ada.headers)) == named
    await world.fund(body["id"], 7)
    await world.connection.execute("UPDATE accounts SET held = 3 WHERE id = %s", (body["id"],))
    read = found(await client.get(path, headers=ada.headers))
    assert (read["balance"], read["held"], read["available"], read["version"]) == (7, 3, 4, 1)


async def test_a_currency_is_a_code_of_iso_4217(client: httpx.AsyncClient, world: World) -> None:
    """422 for any other currency; a name is 1 to 100 characters on one line."""
    ada = await world.person("ada")
    before = await contents(world)
    for currency in ("eur", "EURO", "EU", "", "ZZZ", "EUR ", "\u20ac", 978, None):
        answer = await client.post("/accounts", json={"name": "n", "currency": currency}, headers=ada.headers)
        assert problem(answer, 422, "validation_error")["errors"][0]["loc"] == ["body", "currency"]
    for name in ("", "n" * 101, "two\nlines", "nul\0", 5, None):
        answer = await client.post("/accounts", json={"name": name, "currency": "EUR"}, headers=ada.headers)
        assert problem(answer, 422, "validation_error")["errors"][0]["loc"] == ["body", "name"]
    assert await contents(world) == before
    for currency in ("EUR", "USD", "KWD", "CHF"):
        found(await client.post("/accounts", json={"name": "n" * 100, "currency": currency}, headers=ada.headers), 201)


async def test_the_account_of_another_user_looks_like_none(client: httpx.AsyncClient, world: World) -> None:
    """Reads and changes get the 404 of a missing account, word for word; lists omit it; operators read all accounts."""
    ada, bob = await world.person("ada"), await world.person("bob")
    root = await world.person("root", role="operator")
    ids = [await world.account(ada) for _ in range(3)]
    own = await world.account(bob)
    before = await contents(world)
    for account_id in (ids[0], 999):
        for suffix in ("", "/entries", "/balance?at=2020-01-01T00:00:00Z"):
            answer = await client.get(f"/accounts/{account_id}{suffix}", headers=bob.headers)
            assert problem(answer, 404, "account_not_found")["detail"] == f"There is no account {account_id}."
        for change in ({"name": "x"}, {"status": "closed"}, {"status": "frozen"}, {"owner_id": bob.id}, {"minimum": 0}):
            answer = await client.patch(f"/accounts/{account_id}", json=change, headers=bob.headers)
            problem(answer, 404, "account_not_found")
    assert await contents(world) == before
    assert [item["id"] for item in await pages(client, "/accounts?limit=1", bob)] == [own]
    assert [item["id"] for item in await pages(client, "/accounts?limit=2", ada)] == ids[::-1]
    assert [item["id"] for item in await pages(client, "/accounts?limit=3", root)] == [own, *ids[::-1]]
    assert found(await client.get(f"/accounts/{ids[0]}", headers=root.headers))["owner_id"] == ada.id


async def test_an_owner_closes_an_empty_account_for_good(client: httpx.AsyncClient, world: World) -> None:
    """409 unless the account is empty and not frozen; a closed account is neither renamed nor opened again."""
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    full, held = await world.account(ada), await world.account(ada, minimum=None)
    await world.fund(full, 1)
    await world.connection.execute("UPDATE accounts SET held = 1 WHERE id = %s", (held,))
    frozen, empty = await world.account(ada, status="frozen"), await world.account(ada)
    before = await contents(world)
    close = {"status": "closed"}
    for account_id, code in ((full, "balance_not_zero"), (held, "balance_not_zero"), (frozen, "account_frozen")):
        problem(await client.patch(f"/accounts/{account_id}", json=close, headers=ada.headers), 409, code)
    problem(await client.patch(f"/accounts/{empty}", json=close, headers=root.headers), 403, "not_owner")
    assert await contents(world) == before
    assert found(await client.patch(f"/accounts/{empty}", json=close, headers=ada.headers))["status"] == "closed"
    assert found(await client.patch(f"/accounts/{empty}", json=close, headers=ada.headers))["status"] == "closed"
    problem(await client.patch(f"/accounts/{empty}", json={"name": "x"}, headers=ada.headers), 409, "account_closed")
    for change in ({"status": "open"}, {"status": "frozen"}, {"minimum": -5}, {"owner_id": root.id}):
        answer = await client.patch(f"/accounts/{empty}", json=change, headers=root.headers)
        problem(answer, 409, "account_closed")


async def test_an_operator_freezes_bounds_and_hands_over(client: httpx.AsyncClient, world: World) -> None:
    """403 operator_required for the owner; 409 below_minimum; 404 if the new owner does not exist or has left."""
    ada, bob = await world.person("ada"), await world.person("bob")
    root = await world.person("root", role="operator")
    account_id = await world.account(ada)
    await world.fund(account_id, 10)
    path = f"/accounts/{account_id}"
    before = await contents(world)
    changes = ({"status": "frozen"}, {"status": "open"}, {"minimum": 0}, {"minimum": None}, {"owner_id": bob.id})
    for change in changes:
        problem(await client.patch(path, json=change, headers=ada.headers), 403, "operator_required")
    problem(await client.patch(path, json={"name": "x"}, headers=root.headers), 403, "not_owner")
    problem(await client.patch(path, json={"minimum": 11}, headers=root.headers), 409, "below_minimum")
    problem(await client.patch(path, json={"owner_id": 999}, headers=root.headers), 404, "user_not_found")
    await world.connection.execute(
        "UPDATE users SET deleted_at = now(), email = NULL, email_key = NULL WHERE username = 'bob'"
    )
    problem(await client.patch(path, json={"owner_id": bob.id}, headers=root.headers), 404, "user_not_found")
    wrong: list[dict[str, object]] = [
        {"minimum": MAXIMUM + 1},
        {"minimum": -MAXIMUM - 1},
        {"minimum": "0"},
        {"minimum": 1.5},
        {"owner_id": None},
        {"owner_id": 0},
        {"status": "gone"},
        {"status": None},
        {"name": None},
        {"balance": 5},
        {"currency": "USD"},
    ]
    for bad in wrong:
        problem(await client.patch(path, json=bad, headers=root.headers), 422, "validation_error")
    assert [row for row in (await contents(world))["accounts"] if row not in before["accounts"]] == []
    for change, name, value in (
        ({"status": "frozen"}, "status", "frozen"),
        ({"status": "open"}, "status", "open"),
        ({"minimum": 10}, "minimum", 10),
        ({"minimum": -MAXIMUM}, "minimum", -MAXIMUM),
        ({"minimum": None}, "minimum", None),
        ({"owner_id": root.id, "minimum": 0}, "owner_id", root.id),
    ):
        assert found(await client.patch(path, json=change, headers=root.headers))[name] == value
        stored = await world.connection.execute(f"SELECT {name} FROM accounts WHERE id = %s", (account_id,))
        assert await stored.fetchone() == (value,)
    problem(await client.get(path, headers=ada.headers), 404, "account_not_found")
    assert found(await client.patch(path, json={"name": "mine now"}, headers=root.headers))["name"] == "mine now"


async def test_an_owner_has_no_more_accounts_than_the_quota(
    client: httpx.AsyncClient, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """409 quota_reached, which stores nothing under the key; closed accounts count, those of others do not."""
    monkeypatch.setattr(settings, "accounts_per_user", 2)
    ada, bob = await world.person("ada"), await world.person("bob")
    await world.account(ada, status="closed")
    body = {"name": "n", "currency": "EUR"}
    found(await client.post("/accounts", json=body, headers=ada.headers), 201)
    before = await contents(world)
    problem(await client.post("/accounts", json=body, headers=ada.paying("k")), 409, "quota_reached")
    assert await contents(world) == before
    found(await client.post("/accounts", json=body, headers=bob.headers), 201)


async def test_a_payer_checks_who_is_paid(client: httpx.AsyncClient, world: World) -> None:
    """Any account shows username, currency and if it accepts payments, to any member, and nothing else."""
    ada, bob = await world.person("ada"), await world.person("bob", read_only=True)
    status = {
        status: await world.account(ada, currency="JPY", status=status) for status in ("open", "frozen", "closed")
    }
    await world.fund(status["open"], 5)
    for name, account_id in status.items():
        shown = found(await client.get(f"/accounts/{account_id}/payee", headers=bob.headers))
        expected = {"account_id": account_id, "username": "ada", "currency": "JPY", "accepts_payments": name == "open"}
        assert shown == expected
    await world.connection.execute("UPDATE users SET deleted_at = clock_timestamp() WHERE id = %s", (ada.id,))
    left = found(await client.get(f"/accounts/{status['closed']}/payee", headers=bob.headers))
    assert (left["username"], left["accepts_payments"]) == (None, False)
    problem(await client.get("/accounts/999/payee", headers=bob.headers), 404, "account_not_found")
    problem(await client.get(f"/accounts/{status['open']}/payee"), 401, "unauthorized")


async def test_payee_checks_are_limited_by_user_and_minute(client: httpx.AsyncClient, world: World) -> None:
    """The 61st check of a minute is 429, also of an account that does not exist; other users and minutes are free."""
    ada, bob = await world.person("ada"), await world.person("bob")
    path = f"/accounts/{await world.account(ada)}/payee"
    for _ in range(59):
        found(await client.get(path, headers=ada.headers))
    problem(await client.get("/accounts/999/payee", headers=ada.headers), 404, "account_not_found")
    for refused in (path, "/accounts/999/payee"):
        answer = await client.get(refused, headers=ada.headers)
        problem(answer, 429, "too_many_requests")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    found(await client.get(path, headers=bob.headers))
    await world.connection.execute("UPDATE request_counts SET window_ends_at = clock_timestamp()")
    found(await client.get(path, headers=ada.headers))
