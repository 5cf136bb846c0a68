"""Expectations of the API tests: problems and values in answers, rows of the database, operations of OpenAPI."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from api.docs.completion import codes_of, resolve
from tests.harness.world import Person, World

TABLES = (
    *("users", "api_keys", "posts", "accounts", "transfers", "entries", "holds", "purchases"),
    *("refunds", "changes", "idempotency_keys"),
)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is a problem by RFC 9457 with this status and code; return its members."""
    assert answer.headers.get("Content-Type") == "application/problem+json", (answer.status_code, answer.text)
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    members = {"type", "title", "status", "detail", "instance", "code", "request_id"}
    assert members <= body.keys(), body
    assert all(body[member] for member in members), body
    assert body["status"] == status
    assert body["type"] == f"/problems/{code}"
    assert body["instance"] == answer.request.url.path
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert ("errors" in body) == (code == "validation_error")
    return body


def found(answer: httpx.Response, status: int = 200) -> Any:
    """Assert that an answer has this status; return its value."""
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def insist(client: httpx.AsyncClient, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
    """POST until the answer is not 503, at most five times: under one Idempotency-Key a retry is safe."""
    for _ in range(5):
        answer = await client.post(path, json=body, headers=headers)
        if answer.status_code != 503:
            break
    return answer


async def contents(world: World) -> dict[str, list[str]]:
    """Return every row of the main database by table, so that a test can compare before and after."""
    rows: dict[str, list[str]] = {}
    for table in TABLES:
        cursor = await world.connection.execute(f"SELECT t::text FROM {table} AS t ORDER BY 1")
        rows[table] = [str(row[0]) for row in await cursor.fetchall()]
    return rows


async def pages(client: httpx.AsyncClient, path: str, who: Person | None = None) -> list[Any]:
    """Follow a list by its Link headers; return all items."""
    items: list[Any] = []
    while path:
        answer = await client.get(path, headers=who.headers if who else {})
        page = found(answer)
        assert page.keys() == {"items", "next_cursor"}
        items += page["items"]
        link = answer.links.get("next")
        assert (link is None) == (page["next_cursor"] is None)
        path = link["url"] if link else ""
    return items


@dataclass(frozen=True)
class Operation:
    """An operation of the OpenAPI document."""

    method: str
    path: str
    described: dict[str, Any]
    document: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def id(self) -> str:
        return str(self.described["operationId"])

    @property
    def needs_key(self) -> bool:
        """True if a request needs an API key."""
        return bool(self.described.get("security")) and {} not in self.described["security"]

    @property
    def body(self) -> dict[str, Any] | None:
        """The schema of the request's body; None if it takes no body."""
        if "requestBody" not in self.described:
            return None
        schema: dict[str, Any] = self.described["requestBody"]["content"]["application/json"]["schema"]
        return self.resolve(schema)

    @property
    def needs_body(self) -> bool:
        """True if a body is required."""
        return bool(self.described.get("requestBody", {}).get("required"))

    def resolve(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return the component to which `$ref` refers, or the value itself if it has none."""
        return resolve(self.document, value)

    @property
    def answers(self) -> dict[str, dict[str, Any]]:
        """The documented answers by status."""
        return {status: self.resolve(answer) for status, answer in self.described["responses"].items()}

    @property
    def codes(self) -> set[str]:
        """The codes of the documented problems."""
        return set(codes_of(self.document, self.described))

    def examples(self) -> list[dict[str, Any]]:
        """Return the documented bodies: the examples of the body, or one composed of the examples of its members."""
        schema = self.body
        if schema is None:
            return []
        if "examples" in schema:
            whole: list[dict[str, Any]] = schema["examples"]
            return whole
        return [{name: _example(member) for name, member in schema["properties"].items()}]

    def request(self, client: httpx.AsyncClient, *, id: object = 1, **more: Any) -> httpx.Request:
        """Build a request that has everything the operation requires, except an API key."""
        headers = {"If-Match": "*", "Idempotency-Key": "once"} | more.pop("headers", {})
        params = {"at": "2020-01-01T00:00:00Z"} if self.id == "get_balance" else None
        if (examples := self.examples()) and not more:
            more["json"] = examples[0]
        path = self.path.replace("{id}", str(id))
        return client.build_request(self.method, path, headers=headers, params=params, **more)


def _example(member: dict[str, Any]) -> Any:
    shapes = [member, *member.get("anyOf", [])]
    return next(shape["examples"][0] for shape in shapes if "examples" in shape)


def operations(app: FastAPI) -> Iterator[Operation]:
    """Yield every operation in the application's OpenAPI document."""
    document = app.openapi()
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield Operation(method.upper(), path, described, document)
