"""The table of codes, the pages made from it, and the types of problems."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.http.codes import ABSENT, CODES, DECIDED, PURCHASE
from repositories.refusals import Refusal
from tests.harness import problems
from tests.harness.expect import found, problem
from tests.harness.payments import order
from tests.harness.world import World

MODULES = [path for room in ("api", "repositories") for path in Path(room).rglob("*.py") if path.name != "codes.py"]
CALLS = {"Problem": 0, "Refusal": 0, "RefusedHead": 0, "_refuse": 0, "respond": 1}
"""Functions that take a code, and its place among their arguments."""


def codes_in(source: str) -> Iterator[str]:
    """Yield each code that a module names where it makes a problem, a refusal or a fault."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = CALLS.get(name, len(node.args))
            given = [*node.args[place : place + 1], *(word.value for word in node.keywords if word.arg == "code")]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "code":
            given = [node.value]
        else:
            continue
        yield from (item.value for item in given if isinstance(item, ast.Constant) and isinstance(item.value, str))


def test_the_table_has_exactly_the_codes_that_the_source_names() -> None:
    """A code of the source that the table lacks is found, and one of the table that no module names."""
    raised = {code for path in MODULES for code in codes_in(path.read_text(encoding="utf-8"))}
    assert raised <= CODES.keys()
    assert len(raised) > 50
    words = set(re.findall(r'"(\w+)"', "".join(path.read_text(encoding="utf-8") for path in MODULES)))
    made = {f"{noun}_not_found" for noun in words}  # `found` and `visible` add it to a noun
    assert CODES.keys() <= words | made


@pytest.mark.parametrize("source", ['raise Problem("new", "detail")', 'Fault("text", code="new")', 'code = "new"'])
def test_a_code_that_the_table_lacks_is_found(source: str) -> None:
    """A code in a call or an assignment is read (negative control)."""
    assert list(codes_in(source)) == ["new"]


def test_the_effect_of_a_refusal_is_what_its_key_stores() -> None:
    """A code of a keyed refusal that is stored says so; one that stores nothing leaves its key unused."""
    for name, code in CODES.items():
        if code.effect in {DECIDED, PURCHASE}:
            assert Refusal(name, "").stored, name
        if code.effect == ABSENT:
            assert not Refusal(name, "").stored, name


async def test_each_code_has_a_page_and_the_same_as_json(client: httpx.AsyncClient) -> None:
    """The type of a problem leads to its cause, what was written, and whether to repeat it."""
    items = found(await client.get("/problems"))["items"]
    assert [item["code"] for item in items] == list(CODES)
    for item in items:
        path = f"/problems/{item['code']}"
        assert found(await client.get(path)) == item
        assert item.keys() == {"code", "status", "title", "when", "written", "repeat"}
        page = await client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["Vary"] == "Accept"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        text = re.sub(r"<[^>]*>", "", page.text)
        for member in ("title", "when", "written", "repeat"):
            assert item[member].replace("`", "") in text, (path, member)
    problem(await client.get("/problems/nothing"), 404, "not_found")
    assert 'href="problems/same_account"' in (await client.get("/problems", headers={"Accept": "text/html"})).text


async def test_the_type_of_a_problem_is_the_path_of_its_page(client: httpx.AsyncClient, world: World) -> None:
    """The reference is resolved against the request's own address, and its page has the title of the problem."""
    ada = await world.person("ada")
    account = await world.account(ada)
    for answer in (
        await client.post("/transfers", json=order(account, account), headers=ada.paying()),
        await client.get("/users/me"),
        await client.get("/nowhere"),
        await client.get("/posts/x"),
    ):
        body = answer.json()
        explained = found(await client.get(str(answer.request.url.join(body["type"]))))
        assert (explained["code"], explained["title"]) == (body["code"], body["title"])


async def test_a_refusal_is_replayed_with_the_type_that_it_had(client: httpx.AsyncClient, world: World) -> None:
    """A refusal that a former release stored has no type: its repeat has the urn of then, and a new one its path."""
    ada = await world.person("ada")
    account = await world.account(ada)
    headers = ada.paying()
    refused = await client.post("/transfers", json=order(account, account), headers=headers)
    again = await client.post("/transfers", json=order(account, account), headers=headers)
    assert problem(refused, 422, "same_account") == again.json() | {"request_id": refused.headers["X-Request-Id"]}
    await world.connection.execute("UPDATE idempotency_keys SET answer = answer::jsonb - 'type'")
    former = await client.post("/transfers", json=order(account, account), headers=headers)
    assert former.json() == refused.json() | {"type": "urn:folio:problem:same_account"}


def test_the_page_of_the_documentation_is_made_from_the_table() -> None:
    """docs/problems.md has every code: `python -m tests.harness.problems` writes it."""
    assert problems.PAGE.read_text(encoding="utf-8") == problems.rendered()
