"""Rules of HTTP that every path, id, list and answer follows."""

import base64
import json
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.accounts import AccountRepository
from repositories.posts import PostRepository
from tests.harness.expect import contents, found, operations, problem
from tests.harness.world import World

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def test_an_unknown_path_is_404(client: httpx.AsyncClient, world: World) -> None:
    """The problem names the path, with or without a key; an additional or an escaped slash makes a path unknown."""
    ada = await world.person("ada")
    for path in (
        "/nowhere",
        "/users/",
        "/posts/1/",
        "/users/1/keys",
        "/users%2Fme",
        "/users%2f1",
        "//posts",
        "/caf\u00e9/\u540d",
        "/%00",
        "/%ff",
    ):
        for headers in ({}, ada.headers):
            answer = await client.request(
                "GET", httpx.URL("http://folio").copy_with(raw_path=_raw(path)), headers=headers
            )
            problem(answer, 404, "not_found")


def _raw(path: str) -> bytes:
    return httpx.URL(f"http://folio{path}").raw_path


async def test_another_method_is_405_and_allow_lists_the_methods_of_the_path(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    """Allow lists every method of the path, even if they belong to several routes."""
    methods: dict[str, set[str]] = {}
    for operation in operations(app):
        methods.setdefault(operation.path.replace("{id}", "1"), set()).add(operation.method)
    # "me" and "batch" also match the {id} of another path, which answers 422.
    methods["/users/me/api-keys"] |= methods["/users/1/api-keys"]
    methods["/transfers/batch"] |= methods["/transfers/1"]
    for path, allowed in methods.items():
        for method in {"PUT", "DELETE", "PATCH", "POST", "GET"} - allowed:
            answer = await client.request(method, path)
            problem(answer, 405, "method_not_allowed")
            listed = set(answer.headers["Allow"].split(", ")) - {"OPTIONS"}
            assert listed == allowed | ({"HEAD"} if "GET" in allowed else set()), f"{method} {path}"


async def test_every_answer_has_a_request_id(client: httpx.AsyncClient, world: World) -> None:
    """The id is the client's own if it is well formed, otherwise a new one; a problem repeats it in its body."""
    ada = await world.person("ada")
    for path in ("/livez", "/posts", "/nowhere", "/users/me", "/posts/0", "/openapi.json", "/docs"):
        ids = {(await client.get(path)).headers["X-Request-Id"] for _ in range(3)}
        assert len(ids) == 3, path
        for own in ("a", "A-b_c.9", "x" * 128):
            answer = await client.get(path, headers={"X-Request-Id": own})
            assert answer.headers["X-Request-Id"] == own, path
    for wrong in ("", "x" * 129, "a b", 'a"b', "a\tb", "{}"):
        answer = await client.get("/nowhere", headers={"X-Request-Id": wrong})
        assert answer.headers["X-Request-Id"] not in {wrong, ""}
        problem(answer, 404, "not_found")
    unchanged = await client.get("/users/me", headers=ada.headers | {"If-None-Match": "*", "X-Request-Id": "mine"})
    assert (unchanged.status_code, unchanged.headers["X-Request-Id"]) == (304, "mine")


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def test_a_cursor_belongs_to_its_list_and_a_limit_is_1_to_100(client: httpx.AsyncClient, world: World) -> None:
    """Any other cursor or limit is 422; by default a page has 50 items."""
    ada = await world.person("ada")
    payer = await world.account(ada, minimum=None)
    for _ in range(51):
        await world.account(ada)
        await world.fund(payer, 1)
        await world.connection.execute(
            "INSERT INTO posts (author_id, title, content) SELECT id, 't', 'c' FROM users WHERE username = 'ada'"
        )
        await world.connection.execute(
            "INSERT INTO api_keys (user_id, name, digest) VALUES (%s, 'n', sha256(gen_random_uuid()::text::bytea))",
            (ada.id,),
        )
    await world.connection.execute(
        "INSERT INTO users (username, username_key) SELECT 'u' || n, 'u' || n FROM generate_series(1, 51) AS n"
    )
    lists = ["/users", "/users/me/api-keys", "/posts", "/accounts", f"/accounts/{payer}/entries", "/transfers"]
    cursors: dict[str, str] = {}
    for path in lists:
        page = found(await client.get(path, headers=ada.headers))
        assert len(page["items"]) == 50, path
        cursors[path] = page["next_cursor"]
        assert len(found(await client.get(f"{path}?limit=100", headers=ada.headers))["items"]) > 50
        after = found(await client.get(path, params={"cursor": cursors[path]}, headers=ada.headers))["items"]
        assert after
        assert not [item for item in after if item in page["items"]]
        for limit in ("0", "101", "-1", "+5", "5.0", "1_0", "1e1", "", "ten", "\u0665", " 5", "9" * 5000):
            answer = await client.get(path, params={"limit": limit}, headers=ada.headers)
            assert problem(answer, 422, "validation_error")["errors"][0]["loc"] == ["query", "limit"]
    for path in lists:
        name = json.loads(base64.b64decode(cursors[path] + "==", altchars=b"-_"))[0]
        time = "2026-01-01T00:00:00+00:00"
        values: list[object] = [5, [], {}, "x", [name], [name, "now", 1], [name, 5, 1], [name, time, "1"],
                                [name, time, 2**63], [name, time, True], [name, time, 1, 1], [name, None], [name, 1.5],
                                [name, 2**64], [name, -1], [name, "1"]]  # fmt: skip
        garbage = ["", "x", "=", "%%%", "a" * 201, "\u00e9", "\0", cursors[path][:-3], *map(encoded, values)]
        garbage += [cursor for other, cursor in cursors.items() if other != path]
        for cursor in garbage:
            answer = await client.get(path, params={"cursor": cursor}, headers=ada.headers)
            assert answer.status_code == 422, (path, cursor)
            assert problem(answer, 422, "validation_error")["errors"][0]["loc"] == ["query", "cursor"]


async def test_an_id_is_digits_of_1_to_2_53_minus_1(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    """In every path, other spellings that int() accepts are 404 or 422 and change nothing; 2^53 - 1 is not found."""
    ada = await world.person("ada", role="operator")
    await world.account(ada)
    await world.connection.execute("INSERT INTO posts (author_id, title, content) VALUES (%s, 't', 'c')", (ada.id,))
    before = await contents(world)
    wrong = ["1_0", "%2B1", "+1", "1.0", "%201", "1%20", "1%0A", "%09%31", "0", "-1", "01_", "%D9%A1", "\uff11", "0x1",
             "1e0", "null", "True", "%31%00", str(2**53), str(2**63), str(2**64), "9" * 5000, "%F0%9F%98%80",
             "%ff"]  # fmt: skip
    for operation in operations(app):
        if "{id}" not in operation.path:
            continue
        for wrong_id in wrong:
            answer = await client.send(operation.request(client, id=wrong_id, headers=ada.headers))
            assert answer.status_code in {404, 422}, (str(operation), wrong_id)
            problem(answer, answer.status_code, "not_found" if answer.status_code == 404 else "validation_error")
        if operation.method == "GET":
            largest = await client.send(operation.request(client, id=2**53 - 1, headers=ada.headers))
            assert (largest.status_code, largest.json()["code"].endswith("_not_found")) == (404, True)
    assert await contents(world) == before


async def test_times_are_utc_with_microseconds(client: httpx.AsyncClient, world: World) -> None:
    """This holds for times without a fraction, and for the years 1 and 9999."""
    ada = await world.person("ada")
    await world.account(ada)
    for stored, shown in (
        ("2026-01-31 12:00:00+02", "2026-01-31T10:00:00.000000Z"),
        ("0001-01-01 00:00:00+00", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31 23:59:59.9+00", "9999-12-31T23:59:59.900000Z"),
    ):
        await world.connection.execute("UPDATE accounts SET created_at = %s", (stored,))
        (account,) = found(await client.get("/accounts", headers=ada.headers))["items"]
        assert account["created_at"] == shown
    assert INSTANT.fullmatch(found(await client.get("/users/me", headers=ada.headers))["created_at"])


async def test_an_internal_error_is_a_problem_without_details(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 500 `internal_error` lacks the exception's text; an error in a unit of work rolls it back."""
    ada = await world.person("ada")
    insert = AccountRepository.insert

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    async def broken_late(self: AccountRepository, **members: Any) -> None:
        await insert(self, **members)
        raise RuntimeError("secret")

    monkeypatch.setattr(PostRepository, "list", broken)
    monkeypatch.setattr(AccountRepository, "insert", broken_late)
    before = await contents(world)
    read = await client.get("/posts")
    written = await client.post("/accounts", json={"name": "n", "currency": "EUR"}, headers=ada.paying("k"))
    for answer in (read, written):
        problem(answer, 500, "internal_error")
        assert "secret" not in answer.text
    assert await contents(world) == before
    monkeypatch.undo()
    found(await client.get("/posts"))
    found(await client.post("/accounts", json={"name": "n", "currency": "EUR"}, headers=ada.paying("k")), 201)


async def test_a_busy_process_is_alive(app: FastAPI, client: httpx.AsyncClient, settings: Settings) -> None:
    """Requests beyond `max_requests` are 503 `overloaded`, but /livez is 200."""
    service_of(app).settings = settings.model_copy(update={"max_requests": 0})
    refused = await client.get("/posts")
    problem(refused, 503, "overloaded")
    assert int(refused.headers["Retry-After"]) >= 1
    found(await client.get("/livez"))
