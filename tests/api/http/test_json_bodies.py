"""Bodies: strict JSON of the right type and size; anything else is a problem and changes nothing."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from tests.harness.expect import Operation, contents, operations, problem
from tests.harness.world import Person, World

MIB = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


@pytest.fixture
async def ada(world: World) -> Person:
    """An operator with accounts 1 and 2 and post 1, so that valid bodies succeed."""
    ada = await world.person("ada", role="operator")
    for _ in range(2):
        await world.account(ada, minimum=None)
    await world.connection.execute("INSERT INTO posts (author_id, title, content) VALUES (%s, 't', 'c')", (ada.id,))
    return ada


async def send(client: httpx.AsyncClient, ada: Person, method: str, path: str, body: object) -> httpx.Response:
    """Send text or bytes unchanged, and anything else as JSON."""
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    headers = ada.paying() | {"Content-Type": "application/json", "If-Match": "*"}
    return await client.request(method, path, content=content, headers=headers)


async def test_bad_input_is_refused_and_changes_nothing(client: httpx.AsyncClient, world: World, ada: Person) -> None:
    """Values that PostgreSQL or Python cannot represent, invalid JSON, and values of another type are refused."""
    transfer = '{"from_account_id": 1, "to_account_id": 2, "amount": %s}'
    post = '{"title": "t", "content": %s}'
    account = '{"name": %s, "currency": "EUR"}'
    user = '{"username": %s, "email": "x@example.com"}'
    unprocessable: list[tuple[str, str, str]] = [
        *(("POST /transfers", transfer % value, "amount") for value in (
            "1e999", "9" * 4000, "-" + "9" * 4000, "true", '"12"', "1e3", "1.0", "1.5",
            "null", "[1]", "{}", "0", "-1", str(2**53), str(2**63), str(2**64), '"\\ud800"',
        )),
        *((f"POST {path}", template % value, name) for path, template, name in (
            ("/posts", post, "content"), ("/accounts", account, "name"), ("/users", user, "username"),
        ) for value in ('"\\ud800"', '"a\\u0000b"', "1e999", "5", "true", "null", "[]", '""')),
        ("POST /users", '{"username": "x", "email": "x\\u0000@example.com"}', "email"),
        ("POST /users", '{"username": "x", "email": "\\udfff@example.com"}', "email"),
        ("POST /transfers", transfer % '1, "description": "a\\u0000b"', "description"),
        ("POST /transfers", transfer % '1, "description": "\\ud800"', "description"),
        ("POST /transfers", transfer % '1, "currency": "\\ud800"', "currency"),
        ("POST /transfers", transfer % '1, "from_account_version": true', "from_account_version"),
        ("POST /users/me/api-keys", '{"name": "k", "read_only": 1}', "read_only"),
        ("POST /users/me/api-keys", '{"name": "k", "read_only": "true"}', "read_only"),
        ("POST /users/me/api-keys", '{"name": "k", "expires_at": 99999999999}', "expires_at"),
        ("POST /users/me/api-keys", '{"name": "k", "expires_at": "9999-12-31T23:59:59-23:59"}', "expires_at"),
        ("PATCH /accounts/1", '{"minimum": 1e3}', "minimum"),
        ("PATCH /accounts/1", '{"status": "\\ud800"}', "status"),
        ("PATCH /posts/1", '{"title": "\\ud800"}', "title"),
        ("PATCH /users/me", '{"username": "\\ud800"}', "username"),
    ]  # fmt: skip
    before = await contents(world)
    for operation, body, member in unprocessable:
        method, path = operation.split()
        answer = await send(client, ada, method, path, body)
        errors = problem(answer, 422, "validation_error")["errors"]
        assert ["body", member] in [error["loc"][:2] for error in errors], (operation, body[:100], errors)
        assert len(answer.content) < 2000
    assert await contents(world) == before


def with_body(app: FastAPI) -> list[Operation]:
    """Return the operations that take a body."""
    operations_with_body = [operation for operation in operations(app) if operation.body]
    assert len(operations_with_body) >= 12
    return operations_with_body


async def test_malformed_json_is_400(app: FastAPI, client: httpx.AsyncClient, world: World, ada: Person) -> None:
    """On every operation with a body: truncated, repeated, trailing data, deep nesting, long numbers, not UTF-8."""
    deep = 100_000
    before = await contents(world)
    for operation in with_body(app):
        method, path = str(operation).replace("{id}", "1").split()
        body = json.dumps(operation.examples()[0])
        first = body[1:].partition(",")[0].removesuffix("}")
        malformed: list[str | bytes] = [
            *([""] if operation.needs_body else []),
            " ",
            body[:-1],
            body + "x",
            body + body,
            body + "\0",
            body.replace('"', "'"),
            body[:-1] + ",}",
            *(body.replace("{", f'{{"more": {word}, ', 1) for word in ("NaN", "Infinity", "-Infinity")),
            "\ufeff",
            f"{body[:-1]}, {first}}}",
            f'{body[:-1]}, "more": {{"a": 1, "a": 1}}}}',
            f'{body[:-1]}, "more": {"9" * 5000}}}',
            "[" * deep + "]" * deep,
            '{"a":' * deep + "1" + "}" * deep,
            body.encode("utf-16"),
            body.encode()[:-1] + b', "\xff": 1}',
            b'"\xed\xa0\x80"',
            PNG,
            "// comment\n" + body,
        ]
        for bad in malformed:
            answer = await send(client, ada, method, path, bad)
            assert answer.status_code == 400, (operation, bad[:60], answer.text[:200])
            problem(answer, 400, "malformed_json")
    assert await contents(world) == before


async def test_unknown_members_and_values_other_than_objects_are_422(
    app: FastAPI, client: httpx.AsyncClient, world: World, ada: Person
) -> None:
    """This holds for every operation with a body, and for member names that JSON in UTF-8 cannot carry."""
    before = await contents(world)
    for operation in with_body(app):
        method, path = str(operation).replace("{id}", "1").split()
        good = operation.examples()[0]
        for member in ("id", "version", "Name", "", "\ud800", "\0", "__proto__"):
            answer = await send(client, ada, method, path, good | {member: 1})
            errors = problem(answer, 422, "validation_error")["errors"]
            assert [error["loc"][0] for error in errors] == ["body"]
        for value in ("null", "[]", json.dumps([good]), '"text"', "5", "true"):
            problem(await send(client, ada, method, path, value), 422, "validation_error")
    assert await contents(world) == before


async def test_a_required_member_may_not_be_null(
    app: FastAPI, client: httpx.AsyncClient, world: World, ada: Person
) -> None:
    """A missing required member is 422, like null; in a PATCH null is 422, since a missing member stays as it is."""
    before = await contents(world)
    for operation in with_body(app):
        method, path = str(operation).replace("{id}", "1").split()
        good = operation.examples()[0]
        for member in (operation.body or {}).get("required", []):
            for bad in (good | {member: None}, {name: good[name] for name in good if name != member}):
                errors = problem(await send(client, ada, method, path, bad), 422, "validation_error")["errors"]
                assert [error["loc"] for error in errors] == [["body", member]]
    for path, member in (
        ("/users/me", "username"),
        ("/users/me", "email"),
        ("/posts/1", "title"),
        ("/accounts/1", "name"),
    ):
        problem(await send(client, ada, "PATCH", path, {member: None}), 422, "validation_error")
    assert await contents(world) == before


async def test_a_body_of_another_type_or_of_none_is_415(
    app: FastAPI, client: httpx.AsyncClient, world: World, ada: Person
) -> None:
    """This holds for every operation with a body and for any body; parameters and case of the type are ignored."""
    types = [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
             "image/png", "application/json-patch+json", "application/problem+json", "json", "*/*",
             "caf\u00e9/\u540d"]  # fmt: skip
    before = await contents(world)
    for operation in with_body(app):
        good = json.dumps(operation.examples()[0])
        for kind in types:
            for content in (good, PNG, *([""] if operation.needs_body else [])):
                request = operation.request(client, content=content, headers=ada.headers)
                request.headers.pop("Content-Type", None)
                request.headers.encoding = "utf-8"
                if kind is not None:
                    request.headers["Content-Type"] = kind
                problem(await client.send(request), 415, "unsupported_media_type")
    assert await contents(world) == before
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON ;x=y"):
        headers = ada.headers | {"Content-Type": kind}
        answer = await client.post("/posts", content='{"title": "t", "content": "c"}', headers=headers)
        assert answer.status_code == 201


async def test_a_body_over_1_mib_is_413(app: FastAPI, client: httpx.AsyncClient, world: World, ada: Person) -> None:
    """A larger body, declared or in chunks, is refused before all of it is read; a body of exactly 1 MiB is read."""

    async def endless() -> AsyncIterator[bytes]:
        yield b'{"title": "'
        for sent in range(100):
            assert sent <= 18, "read on after the limit"
            yield b"t" * (MIB // 16)

    async def exactly(size: int) -> AsyncIterator[bytes]:
        yield b" " * (size - 100)
        yield b" " * 100

    before = await contents(world)
    for operation in with_body(app):
        headers = ada.headers | {"Content-Type": "application/json"}
        for content in (b" " * (MIB + 1), endless(), exactly(MIB + 1)):
            answer = await client.send(operation.request(client, content=content, headers=headers))
            problem(answer, 413, "body_too_large")
            assert answer.headers["Connection"] == "close"
        for content in (b" " * MIB, exactly(MIB)):
            answer = await client.send(operation.request(client, content=content, headers=headers))
            problem(answer, 400, "malformed_json")
    assert await contents(world) == before
