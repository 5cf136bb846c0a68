"""Users over HTTP: registration, profiles, changes under a version, and leaving."""

import asyncio
import base64
import hashlib

import httpx

from tests.harness.expect import contents, found, pages, problem
from tests.harness.world import World

WHOLE = {"id", "username", "created_at", "email", "role", "version"}
PROFILE = {"id", "username", "created_at"}


async def test_a_registration_is_answered_with_a_key_that_works(client: httpx.AsyncClient, world: World) -> None:
    """201 with Location, ETag and 256 random bits behind a prefix; the database stores their SHA-256."""
    answer = await client.post("/users", json={"username": "Ada.L-1_", "email": "Ada@Example.com"})
    body = found(answer, 201)
    assert body.keys() == WHOLE | {"api_key"}
    shown = (body["username"], body["email"], body["role"], body["version"])
    assert shown == ("Ada.L-1_", "Ada@example.com", "member", 1)
    assert (answer.headers["Location"], answer.headers["ETag"]) == (f"/users/{body['id']}", '"1"')
    prefix, _, random = body["api_key"].partition("_")
    assert (prefix, len(base64.urlsafe_b64decode(random + "=="))) == ("folio", 32)
    me = await client.get("/users/me", headers={"Authorization": f"Bearer {body['api_key']}"})
    assert found(me) == {name: body[name] for name in WHOLE}
    digest = hashlib.sha256(body["api_key"].encode()).digest()
    assert await world.value("SELECT user_id FROM api_keys WHERE digest = %s", digest) == body["id"]
    assert random not in str(await contents(world))


async def test_a_username_is_1_to_40_letters_digits_dots_underscores_or_dashes(
    client: httpx.AsyncClient, world: World
) -> None:
    """The rule applies after NFKC, the form that is stored; any other name, or an invalid e-mail address, is 422."""
    wrong = ["", "a" * 41, "\ufb03" * 14, "a b", "a/b", "ada\n", "\u00bd", "\u200b", "@ada"]
    for username in wrong:
        answer = await client.post("/users", json={"username": username, "email": "x@example.com"})
        assert [error["loc"] for error in problem(answer, 422, "validation_error")["errors"]] == [["body", "username"]]
    for email in ["", "ada", "ada@", "@example.com", "a@b@example.com", "a b@example.com", f"{'a' * 250}@example.com"]:
        answer = await client.post("/users", json={"username": "ada", "email": email})
        assert [error["loc"] for error in problem(answer, 422, "validation_error")["errors"]] == [["body", "email"]]
    assert await world.value("SELECT count(*) FROM users") == 0
    right = {"a": "a", "\u00e9" * 40: "\u00e9" * 40, "\uff21\uff44\uff41": "Ada", "\u540d\u524d.\u0663-_": None}
    for number, (username, stored) in enumerate(right.items()):
        answer = await client.post("/users", json={"username": username, "email": f"{number}@example.com"})
        assert found(answer, 201)["username"] == (stored or username)


async def test_a_name_or_an_address_is_taken_in_every_case_and_form(client: httpx.AsyncClient, world: World) -> None:
    """409 username_taken or email_taken, at registration and at a change; nothing is written."""
    await client.post("/users", json={"username": "stra\u00dfe", "email": "ada@example.com"})
    bob = await world.person("bob")
    before = await contents(world)
    for username in ["stra\u00dfe", "STRASSE", "\uff33trasse"]:
        answer = await client.post("/users", json={"username": username, "email": "new@example.com"})
        problem(answer, 409, "username_taken")
        changed = await client.patch("/users/me", json={"username": username}, headers=bob.headers | {"If-Match": "*"})
        problem(changed, 409, "username_taken")
    for email in ["ada@example.com", "ADA@EXAMPLE.COM", "\uff21da@example.com"]:
        answer = await client.post("/users", json={"username": "new", "email": email})
        problem(answer, 409, "email_taken")
        changed = await client.patch("/users/me", json={"email": email}, headers=bob.headers | {"If-Match": "*"})
        problem(changed, 409, "email_taken")
    assert await contents(world) == before
    own = await client.patch("/users/me", json={"username": "BOB"}, headers=bob.headers | {"If-Match": "*"})
    assert found(own)["username"] == "BOB"


async def test_of_ten_registrations_of_one_name_at_once_one_succeeds(client: httpx.AsyncClient, world: World) -> None:
    """The constraint decides, not a query before the insert: nine get 409, none 500."""
    send = [client.post("/users", json={"username": "ada", "email": f"{n}@example.com"}) for n in range(10)]
    received = await asyncio.gather(*send)
    assert sorted(answer.status_code for answer in received) == [201] + [409] * 9
    assert await world.value("SELECT count(*) FROM users") == 1


async def test_the_public_sees_a_profile_and_the_user_and_operators_see_all(
    client: httpx.AsyncClient, world: World
) -> None:
    """A profile is id, username and created_at; a key that is sent must be valid even if none is needed."""
    ada, bob = await world.person("ada"), await world.person("bob")
    root = await world.person("root", role="operator")
    path = f"/users/{ada.id}"
    for headers, members, tag in (
        ({}, PROFILE, '"1-public"'),
        (bob.headers, PROFILE, '"1-public"'),
        (ada.headers, WHOLE, '"1"'),
        (root.headers, WHOLE, '"1"'),
    ):
        answer = await client.get(path, headers=headers)
        assert found(answer).keys() == members
        assert (answer.headers["ETag"], "Authorization" in answer.headers["Vary"]) == (tag, True)
    problem(await client.get(path, headers={"Authorization": "Bearer folio_wrong"}), 401, "unauthorized")
    problem(await client.get("/users/999"), 404, "user_not_found")
    listed = await pages(client, "/users?limit=2")
    assert [user["username"] for user in listed] == ["root", "bob", "ada"]
    assert all(user.keys() == PROFILE for user in listed)
    for who in (bob, root):
        assert all(user.keys() == PROFILE for user in await pages(client, "/users", who))


async def test_a_change_of_yourself_names_the_version_that_it_was_made_to(
    client: httpx.AsyncClient, world: World
) -> None:
    """428 without If-Match, 412 if it is stale or weak, 422 if malformed; an omitted member stays unchanged."""
    ada = await world.person("ada")

    async def change(match: str | None, **body: object) -> httpx.Response:
        headers = ada.headers | ({} if match is None else {"If-Match": match})
        return await client.patch("/users/me", json=body, headers=headers)

    problem(await change(None, username="eve"), 428, "precondition_required")
    for stale in ('"2"', 'W/"1"', '"0", "7"', '""'):
        refused = await change(stale, username="eve")
        problem(refused, 412, "precondition_failed")
        assert refused.headers["ETag"] == '"1"'
    for malformed in ("1", '"1', "*, *", '"1" "2"'):
        problem(await change(malformed, username="eve"), 422, "validation_error")
    assert await world.value("SELECT version FROM users WHERE username = 'ada'") == 1
    changed = await change('"7", "1"', username="Countess")
    assert found(changed)["username"] == "Countess"
    assert (changed.json()["email"], changed.json()["version"]) == ("ada@example.com", 2)
    assert changed.headers["ETag"] == '"2"'
    problem(await change('"1"', username="eve"), 412, "precondition_failed")
    assert found(await change("*", email="c@example.com"))["version"] == 3
    for nothing in ({}, {"username": "Countess"}, {"email": "c@example.com"}):
        assert found(await change('"3"', **nothing))["version"] == 3


async def test_a_reader_with_the_present_version_gets_no_body(client: httpx.AsyncClient, world: World) -> None:
    """304 with the ETag, and with Vary if the answer depends on the caller."""
    ada = await world.person("ada")
    for path in ("/users/me", f"/users/{ada.id}"):
        whole = await client.get(path, headers=ada.headers)
        for match in ('"1"', 'W/"1"', '"0", "1"', "*"):
            spared = await client.get(path, headers=ada.headers | {"If-None-Match": match})
            assert (spared.status_code, spared.content, spared.headers["ETag"]) == (304, b"", '"1"')
            assert spared.headers.get("Vary") == whole.headers.get("Vary")
            assert "X-Request-Id" in spared.headers
        for other in ('"2"', "1"):
            assert found(await client.get(path, headers=ada.headers | {"If-None-Match": other}))["version"] == 1


async def test_no_user_leaves_with_money_owned_owed_or_held(client: httpx.AsyncClient, world: World) -> None:
    """409 balance_not_zero, also for a debt; 428 and 412 come first; nothing changes."""
    ada, bob = await world.person("ada"), await world.person("bob")
    await world.fund(await world.account(ada), 1)
    await world.account(ada)
    held = await world.account(bob, minimum=None)
    await world.connection.execute("UPDATE accounts SET held = 1 WHERE id = %s", (held,))
    before = await contents(world)
    for person in (ada, bob):
        problem(await client.delete("/users/me", headers=person.headers), 428, "precondition_required")
        stale = await client.delete("/users/me", headers=person.headers | {"If-Match": '"2"'})
        problem(stale, 412, "precondition_failed")
        refused = await client.delete("/users/me", headers=person.headers | {"If-Match": '"1"'})
        problem(refused, 409, "balance_not_zero")
    assert await contents(world) == before


async def test_leaving_ends_everything_but_the_ledger(client: httpx.AsyncClient, world: World) -> None:
    """Keys revoked, accounts closed, posts deleted, the e-mail address free again, the username never."""
    ada, bob = await world.person("ada"), await world.person("bob")
    account, payee = await world.account(ada), await world.account(bob)
    await world.fund(account, 5)
    paid = {"from_account_id": account, "to_account_id": payee, "amount": 5}
    found(await client.post("/transfers", json=paid, headers=ada.paying()), 201)
    for person in (ada, bob):
        await client.post("/posts", json={"title": "t", "content": "c"}, headers=person.headers)
    await client.post("/users/me/api-keys", json={"name": "second"}, headers=ada.headers)
    await world.connection.execute("UPDATE accounts SET owner_id = %s WHERE name = 'outside'", (bob.id,))
    entries = (await contents(world))["entries"]
    left = await client.delete("/users/me", headers=ada.headers | {"If-Match": "*"})
    assert (left.status_code, left.content) == (204, b"")
    problem(await client.get("/users/me", headers=ada.headers), 401, "unauthorized")
    assert await world.value("SELECT count(*) FROM api_keys WHERE user_id = %s AND revoked_at IS NULL", ada.id) == 0
    assert await world.value("SELECT count(*) FROM accounts WHERE owner_id = %s AND status <> 'closed'", ada.id) == 0
    assert "ada@" not in str(await contents(world))
    assert (await contents(world))["entries"] == entries
    problem(await client.get(f"/users/{ada.id}"), 404, "user_not_found")
    assert [user["username"] for user in await pages(client, "/users")] == ["bob"]
    assert [post["author"]["username"] for post in await pages(client, "/posts")] == ["bob"]
    assert len(await pages(client, f"/accounts/{payee}/entries", bob)) == 1
    retired = await client.post("/users", json={"username": "ADA", "email": "ada@example.com"})
    problem(retired, 409, "username_taken")
    found(await client.post("/users", json={"username": "ada2", "email": "ada@example.com"}), 201)


async def test_the_public_profile_and_the_own_have_two_tags(client: httpx.AsyncClient, world: World) -> None:
    """A cache that has one of them is not told that it has the other; a change of oneself needs one's own."""
    ada = await world.person("ada")
    path = f"/users/{ada.id}"
    public, own = (await client.get(path)).headers["ETag"], (await client.get("/users/me", headers=ada.headers)).headers
    assert found(await client.get(path, headers={"If-None-Match": own["ETag"]})).keys() == PROFILE
    assert found(await client.get(path, headers=ada.headers | {"If-None-Match": public})).keys() == WHOLE
    assert (await client.get(path, headers={"If-None-Match": public})).status_code == 304
    headers = ada.headers | {"If-Match": public}
    problem(await client.patch("/users/me", json={"username": "nina"}, headers=headers), 412, "precondition_failed")
