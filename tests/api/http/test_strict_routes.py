"""Routes: nothing that a request says is ignored, and 401 comes before any other refusal."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from api.http import json_bodies
from api.http.exception_handlers import MAX_ERRORS
from repositories.entries import EntryRepository
from tests.harness.expect import Operation, contents, found, operations, problem
from tests.harness.payments import order
from tests.harness.world import Person, World

UNKNOWN = {"Authorization": f"Bearer folio_{43 * 'x'}"}
TRUNCATED = {"Authorization": f"Bearer folio_{42 * 'x'}"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def ada(world: World) -> Person:
    """An operator, since an operator's key opens every route."""
    return await world.person("ada", role="operator")


def without_members(app: FastAPI) -> list[Operation]:
    """Return the POSTs that take no member."""
    taking_none = [operation for operation in operations(app) if operation.method == "POST" and not operation.body]
    assert {operation.id for operation in taking_none} >= {"release_hold", "run_audit"}
    return taking_none


def send(client: httpx.AsyncClient, operation: Operation, headers: dict[str, str], content: object) -> httpx.Request:
    return operation.request(client, headers=headers, content=content)


async def test_a_post_without_members_accepts_no_body_or_an_empty_object(
    app: FastAPI, client: httpx.AsyncClient, world: World, ada: Person
) -> None:
    """A member is 422, other JSON 422, no JSON 400 and another type 415; nothing is done."""
    before = await contents(world)
    for operation in without_members(app):
        for content, status, code in (
            ('{"amount": 250}', 422, "validation_error"),
            ("[]", 422, "validation_error"),
            ("null", 422, "validation_error"),
            ("{", 400, "malformed_json"),
            ("not JSON", 400, "malformed_json"),
            (" " * (1024 * 1024 + 1), 413, "body_too_large"),
        ):
            answer = await client.send(send(client, operation, ada.headers | JSON, content))
            body = problem(answer, status, code)
            if "amount" in content:
                assert [error["loc"] for error in body["errors"]] == [["body", "amount"]]
        for kind in ({"Content-Type": "text/plain"}, {}):
            request = send(client, operation, ada.headers | kind, "{}")
            problem(await client.send(request), 415, "unsupported_media_type")
    assert await contents(world) == before
    for operation in without_members(app):
        for content in ("", "{}", " { } "):
            answer = await client.send(send(client, operation, ada.headers | JSON, content))
            assert answer.status_code not in {400, 413, 415, 422}, (str(operation), content, answer.text)


async def test_an_amount_does_not_reverse_the_whole(client: httpx.AsyncClient, world: World, ada: Person) -> None:
    """It reverses that much; no body and an empty object are the same request, for the rest."""
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    transfer = found(await client.post("/transfers", json=order(payer, payee), headers=ada.paying()), 201)
    amount = transfer["amount"]
    path, headers = f"/transfers/{transfer['id']}/reversal", ada.paying("once")
    problem(await client.post(path, json={"Amount": 1}, headers=headers), 422, "validation_error")
    found(await client.post(path, json={"amount": 1}, headers=ada.paying()), 201)
    assert await world.balances(payer, payee) == [1 - amount, amount - 1]
    first = found(await client.post(path, headers=headers), 201)
    assert found(await client.post(path, json={}, headers=headers), 201) == first
    assert await world.balances(payer, payee) == [0, 0]


async def test_get_and_delete_take_no_body(app: FastAPI, client: httpx.AsyncClient, world: World, ada: Person) -> None:
    """With bytes of a body, declared or in chunks, 400 and the connection is closed; a length of 0 is no body."""

    async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    before = await contents(world)
    for operation in operations(app):
        if operation.method not in {"GET", "DELETE"}:
            continue
        for content in ("{}", "x", chunks(b"", b"x")):
            answer = await client.send(send(client, operation, ada.headers, content))
            problem(answer, 400, "bad_request")
            assert answer.headers["Connection"] == "close"
        if operation.method == "GET":
            answer = await client.send(send(client, operation, ada.headers, chunks(b"")))
            assert answer.status_code != 400, answer.text
        if operation.needs_key:
            problem(await client.send(send(client, operation, UNKNOWN, "x")), 401, "unauthorized")
            problem(await client.send(send(client, operation, {}, "x")), 401, "unauthorized")
    for path in ("/ops", "/ops/page/page.js"):
        found_ = await client.get(path)
        assert found_.status_code == 200
        problem(await client.request("GET", path, content="x"), 400, "bad_request")
    assert await contents(world) == before


async def test_401_comes_before_any_other_refusal(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    """Without a key, with a malformed key and with an unknown key, if the body and the query are wrong too."""
    for operation in operations(app):
        if not operation.needs_key or operation.method not in {"POST", "PATCH"}:
            continue
        for headers in ({}, TRUNCATED, UNKNOWN):
            for kind, content in (("application/json", "{"), ("text/plain", "x"), ("application/json", '{"no": 1}')):
                request = send(client, operation, headers | {"Content-Type": kind}, content)
                request.url = request.url.copy_merge_params({"unknown": "1"})
                answer = await client.send(request)
                problem(answer, 401, "unauthorized")
                assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_header_that_counts_is_not_sent_twice(client: httpx.AsyncClient, world: World, ada: Person) -> None:
    """400, even if both are equal: a proxy may have judged the other one."""
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json", "Host": "folio"} | ada.headers
    body = json.dumps(order(payer, payee))
    for name in headers:
        for value in (headers[name], "other"):
            twice = [*headers.items(), (name, value)]
            answer = await client.post("/transfers", content=body, headers=twice)
            assert name in problem(answer, 400, "bad_request")["detail"]
    assert await world.balances(payer, payee) == [0, 0]
    found(await client.post("/transfers", content=body, headers=[*headers.items(), ("X-A", "1"), ("X-A", "2")]), 201)


async def test_every_line_of_a_header_counts(client: httpx.AsyncClient, world: World, ada: Person) -> None:
    """Lines of one name are one list, in any order; a header that is no list is 422."""
    account = await world.account(ada)
    for stale, present in (('"7"', '"1"'), ('"1"', '"7"')):
        lines = [*ada.headers.items(), ("If-Match", stale), ("If-Match", present)]
        found(await client.patch("/users/me", json={}, headers=lines))
        lines = [*ada.headers.items(), ("If-None-Match", stale), ("If-None-Match", present)]
        assert (await client.get("/users/me", headers=lines)).status_code == 304
    for kinds in (("text/csv", "application/json;q=0.1"), ("application/json;q=0.1", "text/csv")):
        lines = [*ada.headers.items(), *(("Accept", kind) for kind in kinds)]
        answer = await client.get(f"/accounts/{account}/entries", headers=lines)
        assert answer.headers["Content-Type"].startswith("text/csv")
    lines = [*ada.headers.items(), ("Accept", "text/event-stream"), *(("Last-Event-ID", "0") for _ in range(2))]
    answer = await client.get(f"/accounts/{account}/entries", headers=lines)
    assert problem(answer, 422, "validation_error")["errors"][0]["loc"] == ["header", "Last-Event-ID"]


@pytest.mark.parametrize(
    ("query", "name"),
    [("limit=1&limit=2", "limit"), ("account=5", "account"), ("limit=1&x", "x"), ("Limit=1", "Limit")],
)
async def test_a_query_parameter_is_known_and_sent_once(
    app: FastAPI, client: httpx.AsyncClient, ada: Person, query: str, name: str
) -> None:
    """Else 422, which names it: a misspelt filter would list everything. Operators' routes accept any."""
    lists = [operation for operation in operations(app) if operation.id.startswith("list_")]
    for operation in (noun for noun in lists if not noun.path.startswith("/ops/")):
        path = operation.path.replace("{id}", "1")
        errors = problem(await client.get(f"{path}?{query}", headers=ada.headers), 422, "validation_error")["errors"]
        assert [error["loc"] for error in errors] == [["query", name]], path
    found(await client.get(f"/livez?{query}"))
    assert (await client.get(f"/metrics?{query}", headers=ada.headers)).status_code == 200


async def test_members_and_listed_errors_are_bounded(client: httpx.AsyncClient, world: World, ada: Person) -> None:
    """The answer to any number of wrong members is small."""
    item = {str(number): 1 for number in range(json_bodies.MAX_MEMBERS)}
    many = {str(number): 1 for number in range(99_000)}
    long = 1_000_000 * "x"
    for path, body in (
        ("/users", many),
        ("/users", item),
        ("/users", {long: 1}),
        ("/transfers", order(1, 2) | {"metadata": {long: "1"}}),
        ("/posts", {"title": {"x": many}}),
        ("/transfers/batch", {"transfers": [item] * 900}),
        ("/transfers/batch", {"transfers": [item] * 400}),
        ("/transfers/batch", {"transfers": [{}] * 60_000}),
        ("/transfers/batch", {"transfers": [1] * 300_000}),
    ):
        answer = await client.post(path, json=body, headers=ada.paying())
        errors = problem(answer, 422, "validation_error")["errors"]
        assert 1 <= len(errors) <= MAX_ERRORS
        assert len(answer.content) < 3000


async def test_a_byte_order_mark_is_ignored_and_an_encoding_refused(client: httpx.AsyncClient, ada: Person) -> None:
    """RFC 8259 lets a parser skip the mark; a compressed body would be another body than the one that was sent."""
    body = b'{"title": "t", "content": "c"}'
    found(await client.post("/posts", content=b"\xef\xbb\xbf" + body, headers=ada.headers | JSON), 201)
    for encoding, status in (("identity", 201), ("gzip", 415), ("br", 415)):
        answer = await client.post("/posts", content=body, headers=ada.headers | JSON | {"Content-Encoding": encoding})
        assert answer.status_code == status


async def test_head_of_a_csv_statement_reads_no_entry(
    client: httpx.AsyncClient, world: World, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status and headers are those of GET; an account that is not there is 404."""
    account = await world.account(ada)
    await world.fund(account, 100)
    headers = ada.headers | {"Accept": "text/csv"}
    get = await client.get(f"/accounts/{account}/entries", headers=headers)

    async def read(*_: object, **__: object) -> None:
        raise AssertionError("an entry was read")

    monkeypatch.setattr(EntryRepository, "list", read)
    head = await client.head(f"/accounts/{account}/entries", headers=headers)
    assert (head.status_code, get.status_code) == (200, 200)
    assert head.headers["Content-Disposition"] == get.headers["Content-Disposition"]
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert (await client.head("/accounts/999/entries", headers=headers)).status_code == 404
