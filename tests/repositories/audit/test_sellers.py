"""Products compared with the main database: page by page, and again before a difference is reported."""

import pytest

from repositories.audit import sellers
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
    assert [(row["product_id"], row["problems"]) for row in rows] == [(3, ["seller_missing"]), (4, ["account_missing"])]


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
