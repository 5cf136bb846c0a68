"""Caches: answers for which a key was sent are kept by none, or by the caller's own only; no type is guessed."""

import httpx
from fastapi import FastAPI

from tests.harness.expect import found, operations
from tests.harness.payments import order
from tests.harness.world import Person, World

Answers = list[tuple[str, httpx.Response]]


async def walk(app: FastAPI, client: httpx.AsyncClient, person: Person | None) -> Answers:
    """Send a request of every operation, and some without a route; return the answers."""
    headers = person.headers if person else {}
    requests = [
        (str(operation), operation.request(client, headers=headers))
        for operation in operations(app)
        if operation.id not in {"delete_me", "revoke_api_keys"}
    ]
    others = ("/nowhere", "/posts/0", "/openapi.json", "/docs", "/ops", "/ops/page/style.css")
    requests += [(path, client.build_request("GET", path, headers=headers)) for path in others]
    return [(name, await client.send(request)) for name, request in requests]


async def test_an_answer_to_a_request_with_a_key_is_kept_by_no_shared_cache(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    """`no-store`, or `private, no-cache` with an ETag: refusals and errors, too."""
    root = await world.person("root", role="operator")
    accounts = [await world.account(root, minimum=None) for _ in range(2)]
    found(await client.post("/transfers", json=order(*accounts), headers=root.paying()), 201)
    answers = await walk(app, client, root)
    assert {answer.status_code for _, answer in answers} >= {200, 201, 404, 422}
    for name, answer in answers:
        shows_key = answer.is_success and "api_key" in answer.text and answer.request.method == "POST"
        tagged = "ETag" in answer.headers and not shows_key
        assert answer.headers["Cache-Control"] == ("private, no-cache" if tagged else "no-store"), name
    wrong = await client.get("/users/me", headers={"Authorization": f"Bearer folio_{'x' * 43}"})
    assert (wrong.status_code, wrong.headers["Cache-Control"]) == (401, "no-store")


async def test_a_public_answer_says_nothing_of_caches(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    """Without a key, only the first key of a registration and the operators' page are `no-store`."""
    shown = {name for name, answer in await walk(app, client, None) if "Cache-Control" in answer.headers}
    assert shown == {"POST /users", "/ops", "/ops/page/style.css"}
    registered = await client.post("/users", json={"username": "eve", "email": "eve@example.com"})
    assert (registered.status_code, registered.headers["Cache-Control"]) == (201, "no-store")


async def test_no_browser_guesses_the_type_of_an_answer(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    """`X-Content-Type-Options: nosniff` everywhere."""
    for person in (None, await world.person("root", role="operator")):
        for name, answer in await walk(app, client, person):
            assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"], name


async def test_an_answer_that_depends_on_the_key_says_so(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    """`Vary: Authorization` on every route that looks at the key, once, with or without one; not on public lists."""
    for person in (None, await world.person("root", role="operator")):
        for name, answer in await walk(app, client, person):
            expected = name not in PUBLIC and not name.startswith("/")
            values = [value.strip() for value in answer.headers.get("Vary", "").split(",")]
            assert values.count("Authorization") == expected, name


async def test_a_product_depends_on_the_key_once(client: httpx.AsyncClient, world: World) -> None:
    """A product that exists, and one that does not."""
    ada = await world.person("ada")
    goods = {"name": "n", "price": 1, "currency": "EUR", "stock": 1, "account_id": await world.account(ada)}
    product = found(await client.post("/products", json=goods, headers=ada.headers), 201)
    for product_id in (product["id"], product["id"] + 1):
        answer = await client.get(f"/products/{product_id}")
        assert answer.headers.get_list("Vary") == ["Authorization"]


PUBLIC = {
    "POST /users",
    "GET /users",
    "GET /posts",
    "GET /posts/{id}",
    "GET /products",
    "GET /livez",
    "GET /readyz",
}
