"""Products compared with the main database: page by page, and again before a difference is reported."""

import pytest

from repositories.audit import sellers
from tests.harness.expect import found
from tests.repositories.audit.books import Books

pytestmark = pytest.mark.full_pool


async def test_every_page_is_compared(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pages of one, each product that contradicts is reported, archived or not."""
    monkeypatch.setattr(sellers, "PAGE_SIZE", 1)
    await books.catalog.execute(
        "INSERT INTO products (seller_id, account_id, name, description, price, currency, stock, archived_at)"
        " VALUES (2, 2, 'n', 'd', 1, 'EUR', 1, NULL), (9, 2, 'n', 'd', 1, 'EUR', 1, clock_timestamp()),"
        " (2, 9, 'n', 'd', 1, 'EUR', 1, NULL), (1, 2, 'n', 'd', 1, 'EUR', 1, clock_timestamp())"
    )
    rows = (await books.audit())["both/products"]
    assert [(row["product_id"], row["problems"]) for row in rows] == [
        (3, ["seller_missing", "owner"]),
        (4, ["account_missing"]),
        (5, ["owner"]),
    ]


async def test_an_account_that_an_operator_gave_away_is_no_contradiction(books: Books) -> None:
    """The record says that the account was the seller's: nothing was corrupted, although nobody can buy the product."""
    change = {"owner_id": books.ada.id}
    found(await books.client.patch("/accounts/2", json=change, headers=books.root.headers))
    assert await books.audit() == {}


async def test_an_owner_from_before_the_record_is_not_judged(books: Books) -> None:
    """If the record of an account began after the product's last change, its owner at that time is not known."""
    await books.corrupt(
        "main",
        "UPDATE accounts SET owner_id = 1 WHERE id = 2",
        "UPDATE changes SET kind = 'account_recorded', at = clock_timestamp(), after = after || '{\"owner_id\": 1}'"
        " WHERE account_id = 2",
    )
    assert await books.audit() == {}
    await books.catalog.execute("UPDATE products SET updated_at = clock_timestamp()")
    [row] = (await books.audit())["both/products"]
    assert row["problems"] == ["owner"]


async def test_a_difference_is_read_again_before_it_is_reported(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference that is gone at the second reading is not reported."""
    await books.catalog.execute("UPDATE products SET account_id = 1")
    compare_again = sellers._compare_again
    repeated = []

    async def fix_and_compare_again(*arguments: object) -> object:
        await books.catalog.execute("UPDATE products SET account_id = 2")
        repeated.append(await compare_again(*arguments))  # type: ignore[arg-type]
        return repeated[-1]

    monkeypatch.setattr(sellers, "_compare_again", fix_and_compare_again)
    assert await books.audit() == {}
    assert repeated == [[]]
