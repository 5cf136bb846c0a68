"""Posts over HTTP: public to read, found by words and author, changed by their authors only."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api import posts as routes
from api.http import pages as paging
from api.process.service import service_of
from api.process.settings import Settings
from repositories import posts
from repositories.postgres import operation, searching
from repositories.postgres.operation import Operation
from repositories.postgres.pools import PoolOptions
from tests.harness.expect import contents, found, pages, problem
from tests.harness.world import Person, World

MEMBERS = {"id", "author", "title", "content", "version", "created_at", "updated_at"}


async def post(world: World, author: Person, title: str, content: str = "c") -> int:
    query = "INSERT INTO posts (author_id, title, content) VALUES (%s, %s, %s) RETURNING id"
    return await world.value(query, author.id, title, content)


async def test_a_post_is_written_read_changed_and_deleted(client: httpx.AsyncClient, world: World) -> None:
    """201 with Location and ETag; public to read, with 304; a change makes the next version; a deleted post is 404."""
    ada = await world.person("ada")
    answer = await client.post(
        "/posts", json={"title": "Folios", "content": "A\nleaf\t\U0001f343"}, headers=ada.headers
    )
    body = found(answer, 201)
    assert body.keys() == MEMBERS
    assert body["author"] == {"id": ada.id, "username": "ada"}
    assert (body["title"], body["content"], body["version"]) == ("Folios", "A\nleaf\t\U0001f343", 1)
    path = f"/posts/{body['id']}"
    first = answer.headers["ETag"]
    assert answer.headers["Location"] == path
    read = await client.get(path)
    assert (found(read), read.headers["ETag"]) == (body, first)
    spared = await client.get(path, headers={"If-None-Match": first})
    assert (spared.status_code, spared.content, spared.headers["ETag"]) == (304, b"", first)
    changed = await client.patch(path, json={"title": "On folios"}, headers=ada.headers | {"If-Match": first})
    edition = found(changed)
    unchanged = {name: body[name] for name in MEMBERS - {"title", "version", "updated_at"}}
    assert edition == unchanged | {"title": "On folios", "version": 2, "updated_at": edition["updated_at"]}
    assert edition["updated_at"] > body["updated_at"]
    second = changed.headers["ETag"]
    assert second != first
    assert found(await client.get(path, headers={"If-None-Match": first})) == edition
    same = await client.patch(path, json={"title": "On folios"}, headers=ada.headers | {"If-Match": "*"})
    assert found(same) == edition
    gone = await client.delete(path, headers=ada.headers | {"If-Match": second})
    assert (gone.status_code, gone.content) == (204, b"")
    problem(await client.get(path), 404, "post_not_found")


async def test_ownership_is_judged_before_the_version(client: httpx.AsyncClient, world: World) -> None:
    """404 first, then 403 not_owner with or without If-Match, also for operators, then 428 and 412; nothing changes."""
    ada, bob = await world.person("ada"), await world.person("bob")
    root = await world.person("root", role="operator")
    path = f"/posts/{await post(world, ada, 't')}"
    before = await contents(world)
    for match in ({}, {"If-Match": "*"}, {"If-Match": '"7"'}):
        for stranger in (bob, root):
            headers = stranger.headers | match
            problem(await client.patch(path, json={"title": "x"}, headers=headers), 403, "not_owner")
            problem(await client.delete(path, headers=headers), 403, "not_owner")
        headers = ada.headers | match
        problem(await client.patch("/posts/999", json={"title": "x"}, headers=headers), 404, "post_not_found")
        problem(await client.delete("/posts/999", headers=headers), 404, "post_not_found")
    problem(await client.patch(path, json={"title": "x"}, headers=ada.headers), 428, "precondition_required")
    problem(await client.delete(path, headers=ada.headers), 428, "precondition_required")
    present = (await client.get(path)).headers["ETag"]
    for stale in ('"2"', f"W/{present}"):
        headers = ada.headers | {"If-Match": stale}
        problem(await client.patch(path, json={"title": "x"}, headers=headers), 412, "precondition_failed")
        refused = await client.delete(path, headers=headers)
        problem(refused, 412, "precondition_failed")
        assert refused.headers["ETag"] == present
    assert await contents(world) == before


async def test_posts_are_found_by_words_and_author_page_by_page(client: httpx.AsyncClient, world: World) -> None:
    """Each post once, newest first, also if two have the same time; the next page keeps the filters."""
    ada, bob = await world.person("ada"), await world.person("bob")
    for number in range(7):
        await post(world, bob if number % 3 == 0 else ada, f"Number {number}", "odd leaf" if number % 2 else "even")
    await world.connection.execute("UPDATE posts SET created_at = '2026-01-01' WHERE title < 'Number 4'")

    async def titles(query: str) -> list[str]:
        return [item["title"].removeprefix("Number ") for item in await pages(client, f"/posts{query}")]

    assert await titles("?limit=2") == ["6", "5", "4", "3", "2", "1", "0"]
    assert await titles(f"?limit=1&author_id={bob.id}") == ["6", "3", "0"]
    assert await titles("?limit=1&q=odd") == ["5", "3", "1"]
    assert await titles(f"?limit=1&q=ODD&author_id={ada.id}") == ["5", "1"]
    assert await titles('?q="odd leaf" number -3') == ["5", "1"]
    assert await titles("?q=even or leaf&limit=100") == ["6", "5", "4", "3", "2", "1", "0"]
    for none in ("?q=missing", "?q=!!!", "?q=%26|:*'(", "?author_id=999", "?q=odd leaf even"):
        assert await titles(none) == []
    for wrong in ("?q=", "?q=%00", f"?q={'a' * 201}", "?author_id=0", "?author_id=1_0", "?author_id=me"):
        problem(await client.get(f"/posts{wrong}"), 422, "validation_error")
    listed = await pages(client, "/posts")
    assert all(item.keys() == MEMBERS and item["author"].keys() == {"id", "username"} for item in listed)


async def test_the_longest_post_is_stored_whole(client: httpx.AsyncClient, world: World) -> None:
    """200 characters of title and 100,000 of content, of four bytes each and hard to index; one more is 422."""
    ada = await world.person("ada")
    letters = [chr(0x20000 + number) for number in range(40_000)]
    for content in (
        "-".join(letters)[:79_999],
        " ".join(letters)[:79_999] + "\U00020000" * 20_001,
        "\U00020000" * 100_000,
    ):
        body = {"title": "\U0001f343" * 200, "content": content}
        written = found(await client.post("/posts", json=body, headers=ada.headers), 201)
        assert (written["title"], written["content"]) == (body["title"], body["content"])
    for wrong in (
        {"title": "t" * 201, "content": "c"},
        {"title": "t", "content": "c" * 100_001},
        {"title": "", "content": "c"},
        {"title": "t", "content": ""},
        {"title": "two\nlines", "content": "c"},
    ):
        problem(await client.post("/posts", json=wrong, headers=ada.headers), 422, "validation_error")
    assert await world.value("SELECT count(*) FROM posts") == 3


async def test_a_post_has_another_tag_once_its_author_has_another_name(client: httpx.AsyncClient, world: World) -> None:
    """The name is part of the representation, so a reader who has the old one gets the new one."""
    ada = await world.person("ada")
    path = f"/posts/{await post(world, ada, 't')}"
    old = (await client.get(path)).headers["ETag"]
    renamed = await client.patch("/users/me", json={"username": "nina"}, headers=ada.headers | {"If-Match": "*"})
    assert found(renamed)["username"] == "nina"
    answer = await client.get(path, headers={"If-None-Match": old})
    assert found(answer)["author"]["username"] == "nina"
    assert answer.headers["ETag"] != old
    body = {"email": "other@example.com"}
    found(await client.patch("/users/me", json=body, headers=ada.headers | {"If-Match": "*"}))
    assert (await client.get(path, headers={"If-None-Match": answer.headers["ETag"]})).status_code == 304


async def test_a_word_is_found_however_it_is_composed(client: httpx.AsyncClient, world: World) -> None:
    """Index and query are in NFC and lower case; parts of file names are words; marks belong to their letters."""
    ada = await world.person("ada")
    for title in ("cafe\u0301", "CAF\u00c9", "see foo.png", "\u0939\u093f\u0928\u094d\u0926\u0940", "co\u00adop"):
        await post(world, ada, title)

    async def titles(query: str) -> list[str]:
        answer = found(await client.get("/posts", params={"q": query}))
        return [item["title"] for item in answer["items"]]

    assert await titles("caf\u00e9") == await titles("cafe\u0301") == ["CAF\u00c9", "cafe\u0301"]
    assert await titles("foo") == await titles("png") == await titles("foo.png") == ["see foo.png"]
    assert await titles("png.foo") == []
    assert await titles("\u0939\u093f\u0928\u094d\u0926\u0940") == ["\u0939\u093f\u0928\u094d\u0926\u0940"]
    assert await titles("\u0939") == []
    assert await titles("coop") == ["co\u00adop"]
    assert await titles("caf\u00e9 -see or foo") == ["see foo.png", "CAF\u00c9", "cafe\u0301"]


async def test_a_query_without_a_positive_word_sends_no_statement(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds nothing, in posts and in products: 200 and an empty page, though every row lacks the excluded word."""
    await post(world, await world.person("ada"), "t")

    async def run(*_: object, **__: object) -> None:
        raise AssertionError("a statement was sent")

    monkeypatch.setattr(searching.HURRY, "run", run)
    for query in ("-the", "-the -of", '-"a b"', "!!!", "-", '"', "-a or -b"):
        for path in ("/posts", "/products"):
            answer = await client.get(path, params={"q": query})
            assert found(answer) == {"items": [], "next_cursor": None}, query
    assert (await client.get("/posts", params={"q": "the"})).status_code == 500, "negative control"


async def test_an_alternative_of_exclusions_alone_is_left_out(client: httpx.AsyncClient, world: World) -> None:
    """`a or -b` does not list everything that lacks b."""
    ada = await world.person("ada")
    for title in ("apple", "pear", "plum"):
        await post(world, ada, title)
    answer = found(await client.get("/posts", params={"q": "apple or -plum"}))
    assert [item["title"] for item in answer["items"]] == ["apple"]


async def test_a_search_has_a_short_time(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond it: 503 statement_timeout; the connection serves the next request with its usual timeout."""
    await post(world, await world.person("ada"), "t")
    assert searching.TIMEOUT == "60s"  # the fixture's
    monkeypatch.setattr(searching, "TIMEOUT", "1ms")
    await world.connection.execute(
        "ALTER TABLE posts RENAME TO written; CREATE VIEW posts AS SELECT written.* FROM written, pg_sleep(0.2)"
    )
    await world.connection.execute("GRANT SELECT ON posts TO PUBLIC")
    problem(await client.get("/posts?q=t"), 503, "statement_timeout")
    assert found(await client.get("/posts"))["items"][0]["title"] == "t"


async def test_searches_run_a_few_at_a_time(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A further search waits as long as a request waits for a connection, holding none; then 503 overloaded."""
    await post(world, await world.person("ada"), "t")
    service = service_of(app)
    stack = AsyncExitStack()
    for number in range(service.settings.max_searches):
        with operation.running(Operation("search", caller=number)):
            await stack.enter_async_context(service.searches.turn(30))
    waiting = asyncio.create_task(client.get("/posts?q=t"))
    assert found(await client.get("/posts"))["items"], "a list is no search"
    assert found(await client.get("/posts?q=-t")) == {"items": [], "next_cursor": None}
    assert not waiting.done()
    assert service.pools["main"].stats().in_use == 0
    await stack.aclose()
    assert len(found(await waiting)["items"]) == 1
    with operation.running(Operation("search", caller="127.0.0.1")):
        await stack.enter_async_context(service.searches.turn(30))
    monkeypatch.setattr(service.pools["main"], "options", _hurried(service.pools["main"].options))
    for path in ("/posts?q=t", "/products?q=t"):
        problem(await client.get(path), 503, "overloaded")
    await stack.aclose()


async def test_a_page_ends_before_it_exceeds_its_bytes(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never without an item, each item once, and the last page has no cursor."""
    assert paging.MAX_BYTES == 2 * 1024 * 1024
    ada = await world.person("ada")
    sizes = [100, 2000, 100, 100, 100]
    for size in sizes:
        await post(world, ada, "t", "c" * size)
    item = len(json.dumps(found(await client.get("/posts?limit=1"))["items"][0], separators=(",", ":")))
    monkeypatch.setattr(paging, "MAX_BYTES", 2 * item + item // 2)
    cursor, seen = "", []
    while cursor is not None:
        answer = await client.get(f"/posts?limit=50{cursor and f'&cursor={cursor}'}")
        page = found(answer)
        seen.append([len(shown["content"]) for shown in page["items"]])
        cursor = page["next_cursor"]
        assert (cursor is not None) == ("Link" in answer.headers)
    assert seen == [[100, 100], [100], [2000], [100]]


@pytest.mark.parametrize("query", ["", "author_id=1&"])
async def test_other_requests_go_on_while_a_page_is_read_and_shown(
    query: str, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every ten rows: a request never waits for a whole page of another caller."""
    ada = await world.person("ada")
    for _ in range(30):
        await post(world, ada, "t")
    passes = 0
    read: set[int] = set()
    shown: set[int] = set()
    show_post = routes._show

    class Row(posts.Post):
        def __init__(self, **columns: Any) -> None:
            read.add(passes)
            super().__init__(**columns)

    def show(row: posts.Post) -> routes.Post:
        shown.add(passes)
        return show_post(row)

    async def other() -> None:
        nonlocal passes
        while True:
            passes += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(posts, "Post", Row)
    monkeypatch.setattr(routes, "_show", show)
    running = asyncio.create_task(other())
    found(await client.get(f"/posts?{query}limit=30"))
    running.cancel()
    assert (len(read), len(shown)) == (3, 3)


async def test_an_author_has_no_more_posts_than_the_quota(
    client: httpx.AsyncClient, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """409 quota_reached, which stores nothing under the key; posts of others and deleted ones do not count."""
    monkeypatch.setattr(settings, "posts_per_user", 2)
    ada, bob = await world.person("ada"), await world.person("bob")
    paths = [f"/posts/{await post(world, ada, 't')}" for _ in range(2)]
    before = await contents(world)
    key = ada.paying("more")
    body = {"title": "t", "content": "c"}
    problem(await client.post("/posts", json=body, headers=key), 409, "quota_reached")
    assert await contents(world) == before
    assert (await client.post("/posts", json=body, headers=bob.headers)).status_code == 201
    assert (await client.delete(paths[0], headers=ada.headers | {"If-Match": "*"})).status_code == 204
    assert (await client.post("/posts", json=body, headers=key)).status_code == 201


def _hurried(options: PoolOptions) -> PoolOptions:
    return replace(options, timeout=0.05)
