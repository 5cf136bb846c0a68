"""API keys: issued once, listed without their secret, expired, revoked, or for reading only."""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.process.settings import Settings
from repositories.api_keys import ApiKeyRepository
from tests.harness.expect import contents, found, operations, pages, problem
from tests.harness.world import World

SHOWN = {"id", "name", "read_only", "expires_at", "created_at", "issued_by"}


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def test_a_key_is_shown_once_and_listed_without_its_secret(client: httpx.AsyncClient, world: World) -> None:
    """201 with Location and the secret, stored as SHA-256; the list shows the caller's own keys, newest first."""
    ada, bob = await world.person("ada"), await world.person("bob")
    secrets = []
    for number in range(4):
        answer = await client.post("/users/me/api-keys", json={"name": f"k{number}"}, headers=ada.headers)
        issued = found(answer, 201)
        assert issued.keys() == SHOWN | {"api_key"}
        assert (issued["read_only"], issued["expires_at"]) == (False, None)
        assert answer.headers["Location"] == f"/users/me/api-keys/{issued['id']}"
        assert found(await client.get("/users/me", headers=bearer(issued["api_key"])))["username"] == "ada"
        digest = hashlib.sha256(issued["api_key"].encode()).digest()
        assert await world.value("SELECT id FROM api_keys WHERE digest = %s", digest) == issued["id"]
        secrets.append(issued["api_key"])
    listed = await pages(client, "/users/me/api-keys?limit=2", ada)
    assert [key["name"] for key in listed] == ["k3", "k2", "k1", "k0", "test"]
    assert all(key.keys() == SHOWN for key in listed)
    assert len(set(secrets)) == 4
    assert [key["name"] for key in await pages(client, "/users/me/api-keys", bob)] == ["test"]
    stored = str(await contents(world))
    assert not any(secret.removeprefix("folio_") in stored for secret in secrets)


async def test_a_revoked_key_opens_nothing(client: httpx.AsyncClient, world: World) -> None:
    """A revoked key gets 401 and is not listed; revoking it again, or another user's key, is 404."""
    ada, bob = await world.person("ada"), await world.person("bob")
    answer = await client.post("/users/me/api-keys", json={"name": "lost"}, headers=ada.headers)
    path, secret = answer.headers["Location"], answer.json()["api_key"]
    problem(await client.delete(path, headers=bob.headers), 404, "api_key_not_found")
    found(await client.get("/users/me", headers=bearer(secret)))
    found(await client.delete(path, headers=ada.headers), 204)
    refused = await client.get("/users/me", headers=bearer(secret))
    problem(refused, 401, "unauthorized")
    problem(await client.delete(path, headers=ada.headers), 404, "api_key_not_found")
    (present,) = await pages(client, "/users/me/api-keys", ada)
    found(await client.delete(f"/users/me/api-keys/{present['id']}", headers=ada.headers), 204)
    problem(await client.get("/users/me", headers=ada.headers), 401, "unauthorized")


async def test_a_key_opens_nothing_after_its_time(client: httpx.AsyncClient, world: World) -> None:
    """A past or malformed time is 422; a future one is shown in UTC with microseconds, and the key is 401 after it."""
    ada = await world.person("ada")
    before = await contents(world)
    past = ["2020-01-01T00:00:00Z", "2099-01-01", "2099-01-01T00:00:00", "2099-02-30T00:00:00Z", "tomorrow", 4e9, True]
    for time in past:
        body = {"name": "late", "expires_at": time}
        answer = await client.post("/users/me/api-keys", json=body, headers=ada.headers)
        assert problem(answer, 422, "validation_error")["errors"][0]["loc"] == ["body", "expires_at"]
    assert await contents(world) == before
    body = {"name": "timely", "expires_at": "2099-01-01T01:30:00.5+01:30"}
    issued = found(await client.post("/users/me/api-keys", json=body, headers=ada.headers), 201)
    assert issued["expires_at"] == "2099-01-01T00:00:00.500000Z"
    found(await client.get("/users/me", headers=bearer(issued["api_key"])))
    body = {"name": "short", "expires_at": (datetime.now(UTC) + timedelta(seconds=2)).isoformat()}
    short = bearer(found(await client.post("/users/me/api-keys", json=body, headers=ada.headers), 201)["api_key"])
    found(await client.get("/users/me", headers=short))
    async with asyncio.timeout(60):
        while not await world.value("SELECT count(*) FROM api_keys WHERE expires_at < clock_timestamp()"):  # noqa: ASYNC110 - time has no event
            await asyncio.sleep(0.1)
    problem(await client.get("/users/me", headers=short), 401, "unauthorized")


async def test_a_key_makes_none_that_lives_longer(client: httpx.AsyncClient, world: World) -> None:
    """A key that expires issues keys for its owner that expire with it or before; a later expiry is 422."""
    root, bob = await world.person("root", role="operator"), await world.person("bob")
    expiry = "2099-01-01T00:00:00.000000Z"
    body = {"name": "short", "expires_at": expiry}
    short = bearer(found(await client.post("/users/me/api-keys", json=body, headers=root.headers), 201)["api_key"])
    before = await contents(world)
    for path in ("/users/me/api-keys", f"/users/{root.id}/api-keys"):
        later = {"name": "later", "expires_at": "2099-01-01T00:00:00.000001Z"}
        refused = problem(await client.post(path, json=later, headers=short), 422, "validation_error")
        assert refused["errors"][0]["loc"] == ["body", "expires_at"]
    assert await contents(world) == before
    for path in ("/users/me/api-keys", f"/users/{root.id}/api-keys"):
        for given, shown in (({}, expiry), ({"expires_at": "2098-01-01T00:00:00Z"}, "2098-01-01T00:00:00.000000Z")):
            made = found(await client.post(path, json={"name": "k"} | given, headers=short), 201)
            assert made["expires_at"] == shown
    helped = await client.post(f"/users/{bob.id}/api-keys", json={"name": "k"}, headers=short)
    assert found(helped, 201)["expires_at"] is None


@pytest.mark.parametrize("path", ["/users/me/api-keys/{key}", "/users/{user}/api-keys"])
async def test_a_revocation_that_is_not_committed_is_no_204(
    path: str, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revocation is a unit of work: if COMMIT turns into a rollback, the answer is 503 and the key still works."""
    root = await world.person("root", role="operator")
    key = await world.value("SELECT id FROM api_keys")

    def careless(revoke: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def revoke_and_fail(self: ApiKeyRepository, **arguments: int) -> object:
            revoked = await revoke(self, **arguments)
            with contextlib.suppress(psycopg.Error):
                await self._connection.execute("SELECT 1 / 0")
            return revoked

        return revoke_and_fail

    for name in ("revoke", "revoke_all"):
        monkeypatch.setattr(ApiKeyRepository, name, careless(getattr(ApiKeyRepository, name)))
    answer = await client.delete(path.format(key=key, user=root.id), headers=root.headers)
    problem(answer, 503, "transaction_rolled_back")
    found(await client.get("/users/me", headers=root.headers))


async def test_a_read_only_key_reads_and_changes_nothing(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    """403 read_only_key from every operation that needs a key and is not a GET."""
    issuer = await world.person("ada", role="operator")
    body = {"name": "reports", "read_only": True}
    issued = found(await client.post("/users/me/api-keys", json=body, headers=issuer.headers), 201)
    reader = bearer(issued["api_key"])
    await client.post("/accounts", json={"name": "n", "currency": "EUR"}, headers=issuer.headers)
    await client.post("/posts", json={"title": "t", "content": "c"}, headers=issuer.headers)
    before = await contents(world)
    writes = [operation for operation in operations(app) if operation.method != "GET" and operation.needs_key]
    assert len(writes) >= 12
    for operation in writes:
        problem(await client.send(operation.request(client, headers=reader)), 403, "read_only_key")
    assert await contents(world) == before
    for path in ("/users/me", "/users/me/api-keys", "/accounts", "/accounts/1", "/transfers"):
        found(await client.get(path, headers=reader))


async def test_a_request_without_a_good_key_is_401(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    """Every operation that needs a key answers 401 with WWW-Authenticate, before anything else is checked."""
    ada = await world.person("ada")
    before = await contents(world)
    wrong: list[dict[str, str]] = [
        {},
        bearer(ada.api_key + "x"),
        {"Authorization": "Bearer"},
        {"Authorization": ada.api_key},
        {"Authorization": f"Basic {ada.api_key}"},
    ]
    closed = [operation for operation in operations(app) if operation.needs_key]
    assert len(closed) >= 20
    for operation in closed:
        for headers in wrong:
            answer = await client.send(operation.request(client, headers=headers))
            problem(answer, 401, "unauthorized")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer"), str(operation)
    assert await contents(world) == before
    found(await client.get("/users/me", headers={"Authorization": f"bearer {ada.api_key}"}))


async def test_an_operator_issues_and_revokes_keys_of_other_users(client: httpx.AsyncClient, world: World) -> None:
    """The user sees who issued a key. 403 operator_required for members; 404 if the user does not exist or has left."""
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    path = f"/users/{ada.id}/api-keys"
    before = await contents(world)
    problem(await client.post(path, json={"name": "k"}, headers=ada.headers), 403, "operator_required")
    problem(await client.delete(path, headers=ada.headers), 403, "operator_required")
    nobody = "/users/999/api-keys"
    problem(await client.post(nobody, json={"name": "k"}, headers=root.headers), 404, "user_not_found")
    problem(await client.delete(nobody, headers=root.headers), 404, "user_not_found")
    assert await contents(world) == before
    answer = await client.post(path, json={"name": "help"}, headers=root.headers)
    issued = found(answer, 201)
    assert answer.headers["Location"] == path
    assert found(await client.get("/users/me", headers=bearer(issued["api_key"])))["id"] == ada.id
    found(await client.post("/users/me/api-keys", json={"name": "own"}, headers=ada.headers), 201)
    shown = [(key["name"], key["issued_by"]) for key in await pages(client, "/users/me/api-keys", ada)]
    assert shown == [("own", ada.id), ("help", root.id), ("test", None)], "the last one was inserted with SQL"
    found(await client.delete(path, headers=root.headers), 204)
    for headers in (ada.headers, bearer(issued["api_key"])):
        problem(await client.get("/users/me", headers=headers), 401, "unauthorized")
    found(await client.get("/users/me", headers=root.headers))
    issued = found(await client.post(path, json={"name": "again"}, headers=root.headers), 201)
    left = await client.delete("/users/me", headers=bearer(issued["api_key"]) | {"If-Match": "*"})
    found(left, 204)
    problem(await client.post(path, json={"name": "k"}, headers=root.headers), 404, "user_not_found")
    problem(await client.delete(path, headers=root.headers), 404, "user_not_found")


async def test_a_user_has_no_more_keys_than_the_quota(
    client: httpx.AsyncClient, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """409 quota_reached, for operators as well; a revoked key does not count."""
    monkeypatch.setattr(settings, "keys_per_user", 2)
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    made = found(await client.post("/users/me/api-keys", json={"name": "n"}, headers=ada.headers), 201)
    for path, caller in (("/users/me/api-keys", ada), (f"/users/{ada.id}/api-keys", root)):
        problem(await client.post(path, json={"name": "n"}, headers=caller.headers), 409, "quota_reached")
    problem(await client.post("/users/999/api-keys", json={"name": "n"}, headers=root.headers), 404, "user_not_found")
    found(await client.delete(f"/users/me/api-keys/{made['id']}", headers=ada.headers), 204)
    found(await client.post("/users/me/api-keys", json={"name": "n"}, headers=ada.headers), 201)
