"""Posts over HTTP: public to read, found by words and author, changed by their authors only."""

import httpx

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
    assert (answer.headers["Location"], answer.headers["ETag"]) == (path, '"1"')
    read = await client.get(path)
    assert (found(read), read.headers["ETag"]) == (body, '"1"')
    spared = await client.get(path, headers={"If-None-Match": '"1"'})
    assert (spared.status_code, spared.content, spared.headers["ETag"]) == (304, b"", '"1"')
    changed = await client.patch(path, json={"title": "On folios"}, headers=ada.headers | {"If-Match": '"1"'})
    edition = found(changed)
    unchanged = {name: body[name] for name in MEMBERS - {"title", "version", "updated_at"}}
    assert edition == unchanged | {"title": "On folios", "version": 2, "updated_at": edition["updated_at"]}
    assert edition["updated_at"] > body["updated_at"]
    assert changed.headers["ETag"] == '"2"'
    assert found(await client.get(path, headers={"If-None-Match": '"1"'})) == edition
    same = await client.patch(path, json={"title": "On folios"}, headers=ada.headers | {"If-Match": "*"})
    assert found(same) == edition
    gone = await client.delete(path, headers=ada.headers | {"If-Match": '"2"'})
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
    for stale in ('"2"', 'W/"1"'):
        headers = ada.headers | {"If-Match": stale}
        problem(await client.patch(path, json={"title": "x"}, headers=headers), 412, "precondition_failed")
        refused = await client.delete(path, headers=headers)
        problem(refused, 412, "precondition_failed")
        assert refused.headers["ETag"] == '"1"'
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
