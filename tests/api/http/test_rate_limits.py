"""Rate limits by address: registrations and invalid keys per minute."""

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from tests.harness.expect import contents, found, problem
from tests.harness.world import World

WRONG = {"Authorization": f"Bearer folio_{'wrong':_<43}"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Allow two registrations and two invalid keys a minute."""
    return settings.model_copy(update={"registrations_per_minute": 2, "wrong_keys_per_minute": 2})


def at(app: FastAPI, address: str) -> httpx.AsyncClient:
    """Return a client that sends from an address."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1234)), base_url="http://folio")


def new(name: str) -> dict[str, str]:
    return {"username": name, "email": f"{name}@example.com"}


def refused(answer: httpx.Response) -> None:
    problem(answer, 429, "too_many_requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


async def test_registrations_are_limited_by_address_and_minute(app: FastAPI, world: World) -> None:
    """Beyond the limit a registration is 429 and changes nothing; other addresses and the next minute are free."""
    async with at(app, "203.0.113.1") as one, at(app, "203.0.113.2") as other:
        for name in ("a", "b"):
            found(await one.post("/users", json=new(name)), 201)
        before = await contents(world)
        for name in ("c", "a"):
            refused(await one.post("/users", json=new(name)))
        assert await contents(world) == before
        found(await other.post("/users", json=new("c")), 201)
        await world.connection.execute("UPDATE request_counts SET window_ends_at = clock_timestamp()")
        found(await one.post("/users", json=new("d")), 201)


async def test_the_64_of_an_ipv6_address_is_one_address(app: FastAPI, world: World) -> None:
    """One household has a whole /64. An IPv4-mapped IPv6 address counts as the IPv4 address."""
    async with at(app, "2001:db8:1:2::1") as one, at(app, "2001:db8:1:2:ffff::9") as same:
        found(await one.post("/users", json=new("a")), 201)
        found(await same.post("/users", json=new("b")), 201)
        refused(await one.post("/users", json=new("c")))
    async with at(app, "2001:db8:1:3::1") as other:
        found(await other.post("/users", json=new("c")), 201)
    async with at(app, "::ffff:203.0.113.1") as mapped, at(app, "203.0.113.1") as plain:
        found(await mapped.post("/users", json=new("d")), 201)
        found(await plain.post("/users", json=new("e")), 201)
        refused(await plain.post("/users", json=new("f")))


async def test_invalid_keys_are_limited_by_address_and_minute(app: FastAPI, world: World) -> None:
    """Beyond the limit an invalid key is 429 with Retry-After; a key that was valid before still works."""
    ada = await world.person("ada")
    async with at(app, "203.0.113.1") as one, at(app, "203.0.113.2") as other:
        found(await other.get("/users/me", headers=ada.headers))
        for path in ("/users/me", f"/users/{ada.id}"):
            problem(await one.get(path, headers=WRONG), 401, "unauthorized")
        for path in ("/users/me", f"/users/{ada.id}"):
            refused(await one.get(path, headers=WRONG))
        found(await one.get("/users/me", headers=ada.headers))
        found(await one.get(f"/users/{ada.id}"))
        problem(await one.get("/users/me"), 401, "unauthorized")
        problem(await other.get("/users/me", headers=WRONG), 401, "unauthorized")
        found(await one.post("/users", json=new("b")), 201)


async def test_an_address_over_its_limit_is_429_without_a_connection(app: FastAPI, world: World) -> None:
    """The process remembers such an address until its minute ends; neither pool sees it, nor that of operators."""
    pools = [*service_of(app).pools.values(), *service_of(app).operator_pools.values()]
    async with at(app, "203.0.113.1") as one, at(app, "203.0.113.2") as other:
        registered = found(await other.post("/users", json=new("a")), 201)
        for _ in range(3):
            last = await one.get("/users/me", headers=WRONG)
        refused(last)
        before = [pool.checked_out.total for pool in pools]
        for path in ("/users/me", "/posts/1", "/metrics", "/ops/pools", "/products/1"):
            answer = await one.get(path, headers=WRONG)
            if path != "/posts/1":
                refused(answer)
        assert [pool.checked_out.total for pool in pools] == [before[0] + 1, *before[1:]], "only the public post"
        found(await one.get("/users/me", headers={"Authorization": f"Bearer {registered['api_key']}"}))


async def test_a_change_of_the_email_address_counts_as_a_registration(app: FastAPI, world: World) -> None:
    """It tells if an address is taken, as a registration does: beyond the limit it is 429, whatever the answer was."""
    ada, bob = await world.person("ada"), await world.person("bob")
    change = ada.headers | {"If-Match": "*"}
    async with at(app, "203.0.113.1") as one:
        for _ in range(2):
            taken = await one.patch("/users/me", json={"email": f"{bob.username}@example.com"}, headers=change)
            problem(taken, 409, "email_taken")
        for email in ("bob@example.com", "free@example.com"):
            refused(await one.patch("/users/me", json={"email": email}, headers=change))
        refused(await one.post("/users", json=new("c")))
        found(await one.patch("/users/me", json={"username": "lovelace"}, headers=change))


async def test_zero_turns_a_limit_off(app: FastAPI, settings: Settings) -> None:
    """Without limits, no request is refused."""
    service_of(app).settings = settings.model_copy(update={"registrations_per_minute": 0, "wrong_keys_per_minute": 0})
    async with at(app, "203.0.113.1") as one:
        for name in "abc":
            found(await one.post("/users", json=new(name)), 201)
            problem(await one.get("/users/me", headers=WRONG), 401, "unauthorized")
