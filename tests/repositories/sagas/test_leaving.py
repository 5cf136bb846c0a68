"""Leaving with many products and posts: in batches, each a short unit of work, and finished by the job."""

from collections.abc import Callable
from typing import Any

import pytest

from api.process.service import service_of
from repositories.posts import PostRepository
from repositories.products import ProductRepository
from repositories.sagas import leaving
from tests.harness.expect import found, pages, problem
from tests.harness.shop import Shop

ROWS = 7


@pytest.fixture
async def owner(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose seller has many products and posts, for batches of three rows."""
    monkeypatch.setattr(leaving, "ROWS_AT_ONCE", 3)
    await shop.world.connection.execute(
        "INSERT INTO posts (author_id, title, content)"
        " SELECT %s, 'Leaf ' || i, 'word' FROM generate_series(1, %s) AS i",
        (shop.ada.id, ROWS),
    )
    await shop.catalog.execute(
        "INSERT INTO products (seller_id, account_id, name, description, price, currency, stock)"
        " SELECT %s, %s, 'Leaf', '', 1, 'EUR', 1 FROM generate_series(2, %s) AS i",
        (shop.ada.id, shop.till, ROWS),
    )
    found(await shop.client.post("/posts", json={"title": "t", "content": "word"}, headers=shop.bob.headers), 201)
    return shop


async def leave(shop: Shop) -> None:
    found(await shop.client.delete("/users/me", headers=shop.ada.headers | {"If-Match": "*"}), 204)


async def remaining(shop: Shop) -> tuple[int, int]:
    """Return the number of Ada's posts and of her products on sale, as the databases store them."""
    posts = await shop.world.value("SELECT count(*) FROM posts WHERE author_id = %s", shop.ada.id)
    cursor = await shop.catalog.execute("SELECT count(*) FROM products WHERE archived_at IS NULL")
    [(products,)] = await cursor.fetchall()
    return posts, products


async def test_products_and_posts_of_a_leaver_end_in_batches(owner: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """No unit of work touches more than a batch, and the connection is another request's in between."""
    counts: dict[str, list[int]] = {}

    def counted(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        async def count(self: object, **arguments: int) -> int:
            rows: int = await work(self, **arguments)
            counts.setdefault(name, []).append(rows)
            return rows

        return count

    for kind, name in ((PostRepository, "delete_by_author"), (ProductRepository, "archive_by_seller")):
        monkeypatch.setattr(kind, name, counted(name, getattr(kind, name)))
    pools = service_of(owner.app).pools
    before = {name: pool.checked_out.total for name, pool in pools.items()}
    await leave(owner)
    assert await remaining(owner) == (0, 0)
    assert counts == {"archive_by_seller": [3, 3, 1, 0], "delete_by_author": [3, 3, 1, 0]}
    assert {name: pool.checked_out.total - before[name] for name, pool in pools.items()} == {"main": 5, "catalog": 4}
    assert [post["author"]["username"] for post in await pages(owner.client, "/posts")] == ["bob"]


async def test_posts_of_a_leaver_are_not_shown_before_they_are_deleted(
    owner: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the process ends after the leaving commit, no list, search or path shows them; a job deletes them later."""
    [post] = (await pages(owner.client, f"/posts?author_id={owner.ada.id}&limit=1"))[:1]

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as broken:
        broken.setattr(leaving, "clean_up", fail)
        await leave(owner)
    assert await remaining(owner) == (ROWS, ROWS)
    problem(await owner.client.get(f"/posts/{post['id']}"), 404, "post_not_found")
    for path in ("/posts", "/posts?q=word"):
        assert [shown["author"]["username"] for shown in await pages(owner.client, path)] == ["bob"], path
    assert await pages(owner.client, f"/posts?author_id={owner.ada.id}") == []
    pools = service_of(owner.app).pools
    assert await leaving.finish_leaving(pools) == 0
    await owner.world.connection.execute("UPDATE users SET deleted_at = deleted_at - interval '1 minute'")
    assert [await leaving.finish_leaving(pools) for _ in range(2)] == [1, 0]
    assert await remaining(owner) == (0, 0)


async def test_the_leaving_commit_waits_for_no_post(owner: Shop) -> None:
    """A locked post of the leaver delays neither the leaving nor any list."""
    async with owner.world.connection.transaction():
        await owner.world.connection.execute("SELECT FROM posts WHERE author_id = %s FOR UPDATE", (owner.ada.id,))
        service = service_of(owner.app)
        service.settings = service.settings.model_copy(update={"request_timeout": 3})
        await leave(owner)
        assert [shown["author"]["username"] for shown in await pages(owner.client, "/posts")] == ["bob"]
