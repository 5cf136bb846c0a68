"""A valid key is not looked up again for KEY_CACHE_SECONDS, except after a change in the same process."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from api.process.callers import Callers
from api.process.service import service_of
from repositories.api_keys import ApiKeyRepository, Caller
from tests.harness.expect import found, problem
from tests.harness.processes import command, service, until
from tests.harness.world import Person, World

ADA = Caller(1, "member", read_only=False)


@pytest.fixture
async def look_ups(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The keys that were looked up."""
    digests: list[bytes] = []
    authenticate = ApiKeyRepository.authenticate

    async def counted(self: ApiKeyRepository, *, digest: bytes) -> Caller | None:
        digests.append(digest)
        return await authenticate(self, digest=digest)

    monkeypatch.setattr(ApiKeyRepository, "authenticate", counted)
    return digests


async def test_reading_an_account_takes_one_checkout_and_one_statement(
    app: FastAPI, client: httpx.AsyncClient, world: World, look_ups: list[bytes]
) -> None:
    """The second request with a key does not look it up; a route of the catalog then takes no connection to main."""
    ada = await world.person("ada")
    account = await world.account(ada)
    main = service_of(app).pools["main"]
    for _ in range(3):
        before = main.checked_out.total
        found(await client.get(f"/accounts/{account}", headers=ada.headers))
        assert main.checked_out.total - before == 1
    product = await client.get("/products/1", headers=ada.headers)
    problem(product, 404, "product_not_found")
    assert main.checked_out.total == before + 1
    assert len(look_ups) == 1


async def test_without_a_cache_each_request_looks_its_key_up(
    application: FastAPI, world: World, look_ups: list[bytes]
) -> None:
    """KEY_CACHE_SECONDS=0 turns the memory off."""
    service_of(application).settings = service_of(application).settings.model_copy(update={"key_cache_seconds": 0.0})
    ada = await world.person("ada")
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://folio") as client:
            for _ in range(3):
                found(await client.get("/users/me", headers=ada.headers))
    assert len(look_ups) == 3


async def test_an_invalid_key_is_looked_up_each_time(
    client: httpx.AsyncClient, world: World, look_ups: list[bytes]
) -> None:
    """There is no negative cache: a key that was unknown is taken once it exists."""
    ada = await world.person("ada")
    await world.connection.execute("UPDATE api_keys SET revoked_at = clock_timestamp()")
    for _ in range(2):
        problem(await client.get("/users/me", headers=ada.headers), 401, "unauthorized")
    await world.connection.execute("UPDATE api_keys SET revoked_at = NULL")
    found(await client.get("/users/me", headers=ada.headers))
    assert len(look_ups) == 3


async def _revoke(client: httpx.AsyncClient, ada: Person, _: Person) -> httpx.Response:
    [key] = found(await client.get("/users/me/api-keys", headers=ada.headers))["items"]
    return await client.delete(f"/users/me/api-keys/{key['id']}", headers=ada.headers)


async def _revoke_all(client: httpx.AsyncClient, ada: Person, root: Person) -> httpx.Response:
    return await client.delete(f"/users/{ada.id}/api-keys", headers=root.headers)


async def _leave(client: httpx.AsyncClient, ada: Person, _: Person) -> httpx.Response:
    return await client.delete("/users/me", headers=ada.headers | {"If-Match": "*"})


Change = Callable[[httpx.AsyncClient, Person, Person], Awaitable[httpx.Response]]


@pytest.mark.parametrize("change", [_revoke, _revoke_all, _leave])
async def test_a_change_in_the_same_process_is_in_force_at_once(
    client: httpx.AsyncClient, world: World, change: Change
) -> None:
    """A key that was just found valid is 401 after its revocation, and after its owner left."""
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    found(await client.get("/users/me", headers=ada.headers))
    assert (await change(client, ada, root)).status_code == 204
    problem(await client.get("/users/me", headers=ada.headers), 401, "unauthorized")
    found(await client.get("/users/me", headers=root.headers))


@pytest.mark.parametrize("change", [_revoke, _revoke_all, _leave])
async def test_a_process_that_does_not_distrust_fails_the_test_above(
    client: httpx.AsyncClient, world: World, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without it the revoked key still authenticates."""
    monkeypatch.setattr(Callers, "_distrust", lambda *_: None)
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    found(await client.get("/accounts", headers=ada.headers))
    assert (await change(client, ada, root)).status_code == 204
    found(await client.get("/accounts", headers=ada.headers))


async def test_a_revoked_key_that_is_remembered_issues_no_key(client: httpx.AsyncClient, world: World) -> None:
    """Issuing a key looks the request's key up, so that a stolen key cannot outlive its revocation elsewhere."""
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    for person in (ada, root):
        found(await client.get("/users/me", headers=person.headers))
    await world.connection.execute("UPDATE api_keys SET revoked_at = clock_timestamp()")
    for path, person in (("/users/me/api-keys", ada), (f"/users/{ada.id}/api-keys", root)):
        problem(await client.post(path, json={"name": "n"}, headers=person.headers), 401, "unauthorized")


def test_expiry_is_judged_at_each_use() -> None:
    """A remembered key that expires meanwhile is looked up, as is one that was looked up too long ago."""
    known = Callers(key_cache_seconds=10)
    for seconds, remembered in ((60, True), (-1, False)):
        caller = Caller(1, "member", read_only=False, expires_at=datetime.now(UTC) + timedelta(seconds=seconds))
        known.confirm(b"key", caller, known.look_up())
        assert (known.find(b"key") is not None) == remembered
        assert known.knows(b"key")


def test_a_key_is_remembered_from_the_beginning_of_its_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time runs from the look-up, not from the last use."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    known = Callers(key_cache_seconds=5)
    look_up = known.look_up()
    now = 103.0
    known.confirm(b"key", ADA, look_up)
    for now, remembered in ((104.9, True), (105.0, False)):  # noqa: B007 - the clock reads it
        assert (known.find(b"key") == ADA) == remembered


def test_a_look_up_during_a_revocation_is_not_remembered() -> None:
    """Its statement may have seen the key before the revocation was committed."""
    known = Callers(key_cache_seconds=5)
    look_up = known.look_up()
    with known.changing(ADA.user_id):
        pass
    known.confirm(b"key", ADA, look_up)
    assert known.find(b"key") is None
    known.confirm(b"key", ADA, known.look_up())
    assert known.find(b"key") == ADA


@pytest.mark.parametrize(("change", "status"), [("revoked", 401), ("promoted", 200)])
async def test_a_change_made_by_another_process_is_in_force_within_the_time(
    databases: dict[str, str],
    served: dict[str, str],
    client: httpx.AsyncClient,
    world: World,
    change: str,
    status: int,
) -> None:
    """A key revoked in one process is refused by the other within KEY_CACHE_SECONDS, and a new operator is known."""
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    settings = {f"FOLIO_{name.upper()}_DATABASE_URL": url for name, url in served.items()}
    path = "/users/me" if change == "revoked" else "/ops/status"
    with service(settings | {"FOLIO_KEY_CACHE_SECONDS": "2"}) as other:
        before = other.request("GET", path, ada.api_key).status_code
        assert before == (200 if change == "revoked" else 403)
        if change == "revoked":
            assert (await _revoke_all(client, ada, root)).status_code == 204
            problem(await client.get("/users/me", headers=ada.headers), 401, "unauthorized")
        else:
            owner = {f"FOLIO_{name.upper()}_DATABASE_URL": url for name, url in databases.items()}
            promoted = command("operator", "add", "ada", settings=owner)
            assert promoted.returncode == 0, promoted.stderr
        until(lambda: other.request("GET", path, ada.api_key).status_code == status)
