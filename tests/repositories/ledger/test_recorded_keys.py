"""Keys outlive releases: databases and exchanges recorded with the first release, migrated and repeated over HTTP.

`recorded/` was written once, with migrations up to those that its `schema_migrations` rows name, and never changes:
`exchanges.json` has the requests with the answers that they got, the SQL files have the rows of both databases. After
the exchanges an account and a user were renamed, a post and a product changed, a post deleted, a purchase refunded, and
Cal left.
"""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from repositories.postgres.statements import ROOT
from repositories.schema import migrations, roles
from tests.harness import templates
from tests.harness.world import World

RECORDED = Path(__file__).parent / "recorded"
RECORD: dict[str, Any] = json.loads((RECORDED / "exchanges.json").read_text(encoding="utf-8"))
EXCHANGES: list[dict[str, Any]] = RECORD["exchanges"]
CHANGED = {
    ("post", "post"): {"content": "Second words", "author": {"id": 1, "username": "ada_lovelace"}, "version": 2},
    ("purchase", "purchase that is refunded"): {"status": "refunded"},
}
"""Members that posts and purchases have now, by kind and key."""
BUILT = {"transfer", "reversal", "product", "post", "purchase", "refund"}
"""Kinds whose answers are built from rows, and may gain members."""


@pytest.fixture
async def databases() -> AsyncIterator[dict[str, str]]:
    """Both databases as the first release left them, migrated by the present one."""
    with templates.empty() as main, templates.empty() as catalog:
        conninfos = {"main": main, "catalog": catalog}
        for database, conninfo in conninfos.items():
            _restore(database, conninfo)
            await migrations.migrate(conninfo, database, lambda _: None)
            if templates.has_roles():
                await roles.grant(conninfo, database)
        yield conninfos


def _restore(database: str, conninfo: str) -> None:
    rows = (RECORDED / f"{database}.sql").read_text(encoding="utf-8")
    with psycopg.connect(conninfo) as connection:
        connection.execute((ROOT / "both/schema_migrations/create.sql").read_bytes())
        for name in re.findall(r"'(\d{4}_\w+\.sql)'", rows):
            connection.execute((ROOT / database / "migrations" / name).read_bytes())
        connection.execute(rows.encode())


async def repeat(client: httpx.AsyncClient, exchange: dict[str, Any], body: str | None) -> httpx.Response:
    """Send a recorded request again."""
    headers = {
        "Authorization": f"Bearer {RECORD['api_keys'][exchange['user']]}",
        "Idempotency-Key": exchange["key"],
        "Content-Type": "application/json",
    }
    if body is None:
        del headers["Content-Type"]
    return await client.post(exchange["path"], content=body, headers=headers)


async def test_every_recorded_key_is_answered_as_it_was(client: httpx.AsyncClient, world: World) -> None:
    """A stored answer is sent to the byte; one that is built from rows may have gained members. Nothing is written."""
    before = await _counts(world)
    for exchange in EXCHANGES:
        answer = await repeat(client, exchange, exchange["body"])
        if exchange["user"] == "cal":
            assert answer.status_code == 401
            continue
        assert answer.headers["Idempotency-Replayed"] == "true", exchange
        if exchange["kind"] == "deleted post":
            assert (answer.status_code, answer.json()["code"]) == (404, "post_not_found")
            continue
        assert answer.status_code == exchange["status"], answer.text
        assert answer.headers.get("Location") == exchange["location"]
        first = json.loads(exchange["answer"])
        if exchange["kind"] == "refusal":
            # A refusal's type may have another base.
            assert {**answer.json(), "type": ""} == {**first, "type": ""}
        elif exchange["kind"] not in BUILT:
            assert answer.text == exchange["answer"]
        else:
            shown = first | CHANGED.get((exchange["kind"], exchange["key"]), {})
            shown.pop("updated_at", None)
            assert shown.items() <= answer.json().items(), exchange["kind"]
    assert await _counts(world) == before


async def test_no_body_and_an_empty_object_are_the_same_request(client: httpx.AsyncClient) -> None:
    """Keys that were stored for either answer the other."""
    by_key = {exchange["key"]: exchange for exchange in EXCHANGES}
    for key, body in (("capture {}", None), ("capture without a body", "{}"), ("release", "{}"), ("reversal", "{}")):
        answer = await repeat(client, by_key[key], body)
        assert answer.status_code == by_key[key]["status"]
        assert json.loads(by_key[key]["answer"]).items() <= answer.json().items()
    other = await repeat(client, by_key["capture without a body"], '{"amount": 950}')
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_no_stored_answer_has_a_deleted_text(client: httpx.AsyncClient, world: World) -> None:
    """Texts of posts, former usernames and names of accounts are in no key, also not in one that is stored now."""
    ada = {"Authorization": f"Bearer {RECORD['api_keys']['ada']}", "Idempotency-Key": "new"}
    for path, body in (
        ("/posts", {"title": "Regretted", "content": "w"}),
        ("/accounts", {"name": "Secret", "currency": "EUR"}),
    ):
        answer = await client.post(path, json=body, headers=ada | {"Idempotency-Key": path})
        assert answer.status_code == 201, answer.text
    for text in ("First words", "Regretted", "Secret", "Kleingeld", '"ada"', "Cal"):
        assert await world.value("SELECT count(*) FROM idempotency_keys WHERE answer::text LIKE %s", f"%{text}%") == 0


async def test_a_stored_refusal_of_another_release_is_answered_as_it_is(
    client: httpx.AsyncClient, world: World
) -> None:
    """A release may add members to refusals, and a process of the release before answers them, too."""
    await world.connection.execute(
        """UPDATE idempotency_keys SET answer = '{"code": "insufficient_funds", "detail": "d", "later": [1]}'"""
        " WHERE key = 'refusal'"
    )
    [refusal] = [exchange for exchange in EXCHANGES if exchange["key"] == "refusal"]
    answer = await repeat(client, refusal, refusal["body"])
    assert (answer.status_code, answer.json()["later"]) == (422, [1]), answer.text


async def _counts(world: World) -> list[Any]:
    return [
        await world.value(f"SELECT count(*) FROM {table}")
        for table in ("transfers", "holds", "purchases", "posts", "accounts", "idempotency_keys")
    ]
