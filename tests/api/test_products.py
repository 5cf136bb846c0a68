"""Products: public to read, changed by their sellers only, sold for an account that is theirs."""

import httpx
import pytest

from api.process.service import service_of
from api.process.settings import Settings
from repositories.sagas import leaving
from tests.harness.expect import found, pages, problem
from tests.harness.shop import STOCK, Shop
from tests.harness.world import Connection, Person, World, a_product


def product(account_id: int, **more: object) -> dict[str, object]:
    return {
        "name": "Notebook",
        "description": "A folio of 96 leaves.",
        "price": 1250,
        "currency": "EUR",
        "stock": 10,
        "account_id": account_id,
        **more,
    }


async def test_a_product_is_made_read_changed_and_archived(
    client: httpx.AsyncClient, world: World, catalog: Connection
) -> None:
    """Every member; Location, ETag, 304 and If-Match; an archived product is shown to its seller only."""
    ada, bob = await world.person("ada"), await world.person("bob")
    account = await world.account(ada)
    answer = await client.post("/products", json=product(account), headers=ada.headers)
    created = found(answer, 201)
    path = f"/products/{created['id']}"
    assert answer.headers["Location"] == path
    first = answer.headers["ETag"]
    assert created == product(account) | {
        "id": created["id"],
        "seller_id": ada.id,
        "version": 1,
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
        "archived_at": None,
    }
    assert found(await client.get(path)) == created
    assert (await client.get(path, headers={"If-None-Match": first})).status_code == 304
    for match, status, code in ((None, 428, "precondition_required"), ('"7"', 412, "precondition_failed")):
        headers = ada.headers | ({"If-Match": match} if match else {})
        problem(await client.patch(path, json={"price": 2}, headers=headers), status, code)
        problem(await client.delete(path, headers=headers), status, code)
    problem(await client.patch(path, json={"price": 2}, headers=bob.headers | {"If-Match": "*"}), 403, "not_owner")
    problem(await client.delete(path, headers=bob.headers), 403, "not_owner")
    answer = await client.patch(path, json={"price": 900, "stock": 0}, headers=ada.headers | {"If-Match": first})
    changed = found(answer)
    assert changed == created | {"price": 900, "stock": 0, "version": 2, "updated_at": changed["updated_at"]}
    assert answer.headers["ETag"] == '"2-0"'
    for _ in range(2):
        assert (await client.delete(path, headers=ada.headers | {"If-Match": "*"})).status_code == 204
    problem(await client.get(path), 404, "product_not_found")
    problem(await client.get(path, headers=bob.headers), 404, "product_not_found")
    problem(
        await client.patch(path, json={"stock": 1}, headers=bob.headers | {"If-Match": "*"}), 404, "product_not_found"
    )
    problem(
        await client.patch(path, json={"stock": 1}, headers=ada.headers | {"If-Match": "*"}), 409, "product_archived"
    )
    archived = found(await client.get(path, headers=ada.headers))
    assert (archived["version"], archived["archived_at"] is None) == (3, False)
    assert await pages(client, "/products") == []


async def test_products_are_found_by_words_and_seller_page_by_page(client: httpx.AsyncClient, world: World) -> None:
    """Each product once, newest first; `q` searches name and description."""
    ada, bob = await world.person("ada"), await world.person("bob")
    products = []
    for number, seller in enumerate([ada, bob, ada, bob, ada]):
        body = product(await world.account(seller), name=f"Number {number}", description="odd" if number % 2 else "")
        products.append(found(await client.post("/products", json=body, headers=seller.headers), 201))
    products.reverse()
    assert await pages(client, "/products?limit=2") == products
    assert await pages(client, f"/products?limit=2&seller_id={bob.id}") == [products[1], products[3]]
    assert await pages(client, "/products?limit=1&q=odd") == [products[1], products[3]]
    assert await pages(client, "/products?q=number+3") == [products[1]]
    assert await pages(client, f"/products?q=odd&seller_id={ada.id}") == []


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"price": 0}, 422, "validation_error"),
        ({"price": 12.5}, 422, "validation_error"),
        ({"stock": -1}, 422, "validation_error"),
        ({"stock": 2**53}, 422, "validation_error"),
        ({"currency": "EURO"}, 422, "validation_error"),
        ({"name": ""}, 422, "validation_error"),
        ({"seller_id": 1}, 422, "validation_error"),
        ({"currency": "USD"}, 422, "currency_mismatch"),
        ({"account_id": 999}, 404, "account_not_found"),
    ],
)
async def test_bad_input_makes_no_product(
    client: httpx.AsyncClient, world: World, catalog: Connection, change: dict[str, object], status: int, code: str
) -> None:
    """A precise problem, and the catalog as before."""
    ada = await world.person("ada")
    body = product(await world.account(ada)) | change
    problem(await client.post("/products", json=body, headers=ada.headers), status, code)
    assert await pages(client, "/products") == []


async def test_the_proceeds_go_to_an_open_account_of_the_sellers_own(client: httpx.AsyncClient, world: World) -> None:
    """Another user's account is 404; a frozen or closed one is refused, in a new product and in a change."""
    ada, bob = await world.person("ada"), await world.person("bob")
    accounts = {
        "account_not_found": await world.account(bob),
        "account_frozen": await world.account(ada, status="frozen"),
        "account_closed": await world.account(ada, status="closed"),
        "currency_mismatch": await world.account(ada, currency="USD"),
    }
    own = [await world.account(ada) for _ in range(2)]
    path = (await client.post("/products", json=product(own[0]), headers=ada.headers)).headers["Location"]
    for code, account in accounts.items():
        status = {"account_not_found": 404, "currency_mismatch": 422}.get(code, 409)
        problem(await client.post("/products", json=product(account), headers=ada.headers), status, code)
        changing = ada.headers | {"If-Match": "*"}
        problem(await client.patch(path, json={"account_id": account}, headers=changing), status, code)
    assert found(await client.patch(path, json={"account_id": own[1]}, headers=changing))["account_id"] == own[1]


async def test_a_key_makes_one_product(client: httpx.AsyncClient, world: World) -> None:
    """A repeat gets the first answer, even after a change; another request under the key is refused."""
    ada = await world.person("ada")
    account = await world.account(ada)
    first = await client.post("/products", json=product(account), headers=ada.paying("k"))
    created = found(first, 201)
    assert "Idempotency-Replayed" not in first.headers
    found(await client.patch(f"/products/{created['id']}", json={"stock": 1}, headers=ada.headers | {"If-Match": "*"}))
    again = await client.post("/products", json=product(account), headers=ada.paying("k"))
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    for path, body in (("/products", product(account, stock=1)), ("/posts", {"title": "t", "content": "c"})):
        problem(await client.post(path, json=body, headers=ada.paying("k")), 422, "idempotency_key_reused")
    assert len(await pages(client, "/products")) == 1


async def test_an_archived_product_stays_readable_for_its_buyers(shop: Shop) -> None:
    """Its seller, its buyers and operators read it; other users get 404."""
    found(await shop.buy(), 201)
    path = f"/products/{shop.product}"
    assert (await shop.client.delete(path, headers=shop.ada.headers | {"If-Match": "*"})).status_code == 204
    eve = await shop.world.person("eve")
    readers: dict[int, list[Person]] = {200: [shop.ada, shop.bob, shop.root], 404: [eve]}
    for status, people in readers.items():
        for person in people:
            assert (await shop.client.get(path, headers=person.headers)).status_code == status, person.username
    problem(await shop.buy(), 404, "product_not_found")


async def test_the_products_of_a_user_who_leaves_go_off_sale(shop: Shop) -> None:
    """At once; a product from a request in flight goes off sale a minute later, and cannot be bought until then."""
    assert (await shop.client.delete("/users/me", headers=shop.ada.headers | {"If-Match": "*"})).status_code == 204
    assert await pages(shop.client, "/products") == []
    problem(await shop.buy(), 404, "product_not_found")
    shop.product = await a_product(shop.catalog, shop.ada, shop.till)
    problem(await shop.buy(), 409, "account_unavailable")
    databases = service_of(shop.app).pools
    assert await leaving.finish_leaving(databases) == 0
    await shop.world.connection.execute("UPDATE users SET deleted_at = deleted_at - interval '1 minute'")
    assert [await leaving.finish_leaving(databases) for _ in range(2)] == [1, 0]
    assert await pages(shop.client, "/products") == []


async def test_a_sale_makes_only_a_change_of_the_stock_stale(shop: Shop) -> None:
    """The tag changes with the stock, but the other members and DELETE compare the version alone."""
    path, seller = f"/products/{shop.product}", shop.ada.headers

    async def change(tag: str, **body: object) -> httpx.Response:
        return await shop.client.patch(path, json=body, headers=seller | {"If-Match": tag})

    old = (await shop.client.get(path)).headers["ETag"]
    found(await shop.buy(2), 201)
    read = await shop.client.get(path, headers={"If-None-Match": old})
    assert found(read)["stock"] == STOCK - 2
    assert read.headers["ETag"] != old
    refused = await change(old, stock=9)
    problem(refused, 412, "precondition_failed")
    assert refused.headers["ETag"] == read.headers["ETag"]
    problem(await change(old, stock=9, price=7), 412, "precondition_failed")
    added = await change(old, stock_change=4)
    assert found(added)["stock"] == STOCK + 2
    problem(await change(old, description="Bound"), 412, "precondition_failed")
    found(await shop.buy(1), 201)
    described = await change(added.headers["ETag"], description="Bound")
    assert (found(described)["stock"], described.json()["description"]) == (STOCK + 1, "Bound")
    assert found(await change(described.headers["ETag"], stock=9))["stock"] == 9
    tag = (await shop.client.get(path)).headers["ETag"]
    found(await shop.buy(1), 201)
    assert (await shop.client.delete(path, headers=seller | {"If-Match": tag})).status_code == 204


async def test_a_change_of_the_stock_is_absolute_or_relative(shop: Shop) -> None:
    """Below 0 is out_of_stock; 0, both members, and more than a stock can be are validation errors."""
    path, headers = f"/products/{shop.product}", shop.ada.headers | {"If-Match": "*"}

    async def change(**body: object) -> httpx.Response:
        return await shop.client.patch(path, json=body, headers=headers)

    assert found(await change(stock_change=-STOCK))["stock"] == 0
    problem(await change(stock_change=-1), 422, "out_of_stock")
    for body in (
        {"stock_change": 0},
        {"stock_change": None},
        {"stock_change": 1.5},
        {"stock": 1, "stock_change": 1},
        {"stock_change": 2**53},
    ):
        problem(await change(**body), 422, "validation_error")
    assert found(await change(stock_change=2**53 - 1))["stock"] == 2**53 - 1
    problem(await change(stock_change=1), 422, "validation_error")
    assert found(await change(stock_change=-1, price=3))["stock"] == 2**53 - 2


async def test_a_seller_has_no_more_products_for_sale_than_the_quota(
    client: httpx.AsyncClient, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """409 quota_reached; a repeat under a key gets its product; archived products do not count."""
    monkeypatch.setattr(settings, "products_per_user", 1)
    ada = await world.person("ada")
    account = await world.account(ada)
    first, second = ada.paying("first"), ada.paying("second")
    made = found(await client.post("/products", json=product(account), headers=first), 201)
    problem(await client.post("/products", json=product(account), headers=second), 409, "quota_reached")
    problem(await client.post("/products", json=product(account), headers=ada.headers), 409, "quota_reached")
    assert found(await client.post("/products", json=product(account), headers=first), 201) == made
    found(await client.delete(f"/products/{made['id']}", headers=ada.headers | {"If-Match": "*"}), 204)
    found(await client.post("/products", json=product(account), headers=second), 201)
