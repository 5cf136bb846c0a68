"""Strangers: a request for money of others locks no row and waits for none, so that it learns nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from repositories import accounts, posts, products
from repositories.holds import Hold
from tests.harness.expect import found, problem
from tests.harness.payments import hold_order, order
from tests.harness.variants import without
from tests.harness.world import Person, World, a_product

PATIENCE_SECONDS = 10
"""Far below the lock timeout of these tests, and far above the time of a request."""


@dataclass(frozen=True)
class Scene:
    """Ada's and Bob's accounts with a transfer, a hold and a purchase between them; Eve has an account of her own."""

    client: httpx.AsyncClient
    world: World
    catalog: psycopg.AsyncConnection[psycopg.rows.TupleRow]
    eve: Person
    own: int
    payer: int
    payee: int
    transfer: int
    hold: int
    purchase: int
    product: int
    post: int

    def requests(self) -> list[tuple[str, str, dict[str, Any] | None, int, str]]:
        """Return every request of Eve's that would move, hold or change something of Ada's or Bob's."""
        theirs = order(self.payer, self.payee)
        mixed = [order(self.own, self.own), theirs, order(self.payer, self.own)]
        buy = {"product_id": self.product, "quantity": 1, "account_id": self.payer}
        return [
            ("POST", "/transfers", theirs, 404, "account_not_found"),
            ("POST", "/transfers", order(self.payee, self.own), 404, "account_not_found"),
            ("POST", "/transfers/batch", {"transfers": [theirs, theirs]}, 404, "account_not_found"),
            ("POST", "/transfers/batch", {"atomic": False, "transfers": mixed}, 200, ""),
            ("POST", "/holds", hold_order(self.payer, self.payee), 404, "account_not_found"),
            ("POST", "/purchases", buy, 404, "account_not_found"),
            ("POST", f"/transfers/{self.transfer}/reversal", None, 404, "transfer_not_found"),
            ("POST", f"/holds/{self.hold}/capture", None, 404, "hold_not_found"),
            ("POST", f"/holds/{self.hold}/release", None, 404, "hold_not_found"),
            ("POST", f"/purchases/{self.purchase}/refund", None, 404, "purchase_not_found"),
            ("PATCH", f"/accounts/{self.payer}", {"name": "mine"}, 404, "account_not_found"),
            ("PATCH", f"/accounts/{self.payer}", {"owner_id": 1}, 404, "account_not_found"),
            ("PATCH", f"/posts/{self.post}", {"title": "mine"}, 403, "not_owner"),
            ("DELETE", f"/posts/{self.post}", None, 403, "not_owner"),
            ("PATCH", f"/products/{self.product}", {"name": "mine"}, 403, "not_owner"),
            ("DELETE", f"/products/{self.product}", None, 403, "not_owner"),
        ]

    async def send(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        headers = self.eve.paying() | {"If-Match": "*"}
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.client.request(method, path, json=body, headers=headers)


@pytest.fixture
async def scene(
    client: httpx.AsyncClient, world: World, catalog: psycopg.AsyncConnection[psycopg.rows.TupleRow]
) -> Scene:
    ada, bob, eve = [await world.person(name) for name in ("ada", "bob", "eve")]
    payer, payee = await world.account(ada, minimum=None), await world.account(bob)
    transfer, hold = [
        found(await client.post(path, json=body, headers=ada.paying()), 201)["id"]
        for path, body in (("/transfers", order(payer, payee)), ("/holds", hold_order(payer, payee)))
    ]
    product = await a_product(catalog, bob, payee)
    buy = {"product_id": product, "quantity": 1, "account_id": payer}
    purchase = found(await client.post("/purchases", json=buy, headers=ada.paying()), 201)["id"]
    post = found(await client.post("/posts", json={"title": "t", "content": "c"}, headers=ada.headers), 201)["id"]
    own = await world.account(eve, minimum=None)
    return Scene(client, world, catalog, eve, own, payer, payee, transfer, hold, purchase, product, post)


async def test_a_stranger_is_answered_while_every_row_is_locked(scene: Scene) -> None:
    """Users, accounts, holds, purchases, posts and products are locked by somebody: each answer comes at once."""
    async with scene.world.connection.transaction(), scene.catalog.transaction():
        for table in ("holds", "purchases", "posts"):
            await scene.world.connection.execute(f"SELECT FROM {table} FOR UPDATE")
        # A user who writes keeps themselves: FOR KEY SHARE of a foreign key waits for no change of money.
        await scene.world.connection.execute("SELECT FROM users WHERE id <> %s FOR UPDATE", (scene.eve.id,))
        await scene.world.connection.execute("SELECT FROM accounts WHERE owner_id <> %s FOR UPDATE", (scene.eve.id,))
        await scene.catalog.execute("SELECT FROM products FOR UPDATE")
        for method, path, body, status, code in scene.requests():
            answer = await scene.send(method, path, body)
            if code:
                problem(answer, status, code)
            else:
                assert [item["status"] for item in found(answer)["items"]] == [422, 404, 404]


async def test_a_stranger_locks_no_row(scene: Scene) -> None:
    """The xmax of every row of others stays: neither a lock nor a write has touched it."""
    before = await marks(scene)
    for method, path, body, _, _ in scene.requests():
        await scene.send(method, path, body)
        assert await marks(scene) == before, (method, path)


async def test_a_repeat_keeps_its_answer_after_the_account_changed_hands(scene: Scene) -> None:
    """The first answer of an own request is replayed to a caller who is a stranger to the money by now."""
    world, client = scene.world, scene.client
    rows = await world.connection.execute("SELECT owner_id FROM accounts WHERE id = %s", (scene.payee,))
    [(bob_id,)] = await rows.fetchall()
    bob = await another_key(world, bob_id)
    steps: list[tuple[str, dict[str, Any] | None]] = [
        ("/transfers", order(scene.payee, scene.own)),
        (f"/holds/{scene.hold}/capture", None),
        (f"/transfers/{scene.transfer}/reversal", None),
        (f"/purchases/{scene.purchase}/refund", None),
    ]
    first = [await client.post(path, json=body, headers=bob.paying(path)) for path, body in steps]
    assert all(answer.is_success for answer in first), [answer.text for answer in first]
    await world.connection.execute("UPDATE accounts SET owner_id = %s WHERE id = %s", (scene.eve.id, scene.payee))
    for (path, body), answer in zip(steps, first, strict=True):
        again = await client.post(path, json=body, headers=bob.paying(path))
        assert (again.status_code, again.headers["Idempotency-Replayed"]) == (answer.status_code, "true"), again.text


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (accounts.LOCK, "\n                OR payer.owner_id = asked.owner_id"),
        (posts.LOCK, "AND posts.author_id = $2::bigint"),
        (products.LOCK, "AND ($2::bigint IS NULL OR seller_id = $2::bigint)"),
    ],
)
async def test_without_the_owner_in_the_lock(
    scene: Scene, statement: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a lock statement that takes any row locks rows of others."""
    if statement is accounts.LOCK:
        without(monkeypatch, statement, words)
        monkeypatch.setattr(statement, "text", statement.text.replace("asked.owner_id IS NULL", "asked.owner_id <> 0"))
    else:
        monkeypatch.setattr(statement, "text", statement.text.replace(words, "AND $2::bigint IS NOT NULL"))
    with pytest.raises(AssertionError):
        await test_a_stranger_locks_no_row(scene)


async def test_without_the_look_before_the_lock(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: if every caller counts as a party to a hold, a stranger locks its rows."""
    monkeypatch.setattr(Hold, "owner_ids", property(lambda hold: {hold.from_owner_id, hold.to_owner_id, scene.eve.id}))
    with pytest.raises(AssertionError):
        await test_a_stranger_locks_no_row(scene)


async def marks(scene: Scene) -> list[Sequence[Any]]:
    """Return xmin and xmax of all rows that are not Eve's."""
    rows: list[Sequence[Any]] = []
    for table in ("holds", "purchases", "posts"):
        cursor = await scene.world.connection.execute(f"SELECT id, xmin::text, xmax::text FROM {table} ORDER BY id")
        rows += await cursor.fetchall()
    for table, column in (("users", "id"), ("accounts", "owner_id")):
        cursor = await scene.world.connection.execute(
            f"SELECT id, xmin::text, xmax::text FROM {table} WHERE {column} <> %s ORDER BY id", (scene.eve.id,)
        )
        rows += await cursor.fetchall()
    cursor = await scene.catalog.execute("SELECT id, xmin::text, xmax::text FROM products ORDER BY id")
    return rows + await cursor.fetchall()


async def another_key(world: World, user_id: int) -> Person:
    """Give a user a further key by copying the user of it."""
    helper = await world.person(f"helper{user_id}")
    await world.connection.execute("UPDATE api_keys SET user_id = %s WHERE user_id = %s", (user_id, helper.id))
    return Person(user_id, helper.username, helper.api_key)
