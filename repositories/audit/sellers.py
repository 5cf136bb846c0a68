"""Sellers: compare the products of the catalog with their sellers, payee accounts and keys in main, page by page.

The two databases have no common snapshot, so a difference is read again before it is reported.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from repositories.audit.steps import Connections, Step
from repositories.audits import Check
from repositories.postgres.statements import Connection
from repositories.products import ProductRepository, ProductState
from repositories.users import SellerState, UserRepository

NAME = "both/products"
PAGE_SIZE = 1000
MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)
"""The two servers may disagree on the time by this much."""

Row = dict[str, Any]


async def compare(connections: Connections, after: str | None) -> Step:
    """Compare a page of products; return those that contradict the main database."""
    page = await _page(connections.catalog, int(after or 0), PAGE_SIZE)
    rows: list[Row] = []
    for product in await _contradicting(connections.main, page):
        rows += await _compare_again(connections.main, connections.catalog, product)
    until = str(page[-1].id) if len(page) == PAGE_SIZE else None
    return Step([Check(NAME, rows)], until)


async def _contradicting(main: Connection, page: Sequence[ProductState]) -> list[ProductState]:
    sellers = await _sellers(main, page)
    return [product for product in page if _problems(product, sellers[product.id])]


async def _compare_again(main: Connection, catalog: Connection, product: ProductState) -> list[Row]:
    """Read one product and its seller again; return a row if they still contradict each other."""
    page = await _page(catalog, product.id - 1, 1)
    if [row.id for row in page] != [product.id]:
        return []
    [current] = page
    problems = _problems(current, (await _sellers(main, page))[current.id])
    row = {"product_id": current.id, "seller_id": current.seller_id, "account_id": current.account_id}
    return [row | {"problems": problems}] if problems else []


def _problems(product: ProductState, seller: SellerState) -> list[str]:
    """Return how a product contradicts the main database; an archived one may have a seller who left."""
    problems = []
    if seller.seller_since is None:
        problems.append("seller_missing")
    elif seller.seller_since > product.created_at + MAX_CLOCK_DIFFERENCE:
        problems.append("seller_younger")
    if seller.account_since is None:
        problems.append("account_missing")
    elif seller.account_since > product.updated_at + MAX_CLOCK_DIFFERENCE:
        problems.append("account_younger")
    if seller.currency not in {None, product.currency}:
        problems.append("currency")
    if seller.was_owner is False and (seller.recorded_since is None or seller.recorded_since < product.updated_at):
        problems.append("owner")
    if product.archived_at is None and seller.off_sale:
        problems.append("seller_left")
    if seller.key_kind not in {None, "product"}:
        problems.append("key")
    return problems


async def _page(catalog: Connection, after_id: int, limit: int) -> list[ProductState]:
    return await ProductRepository(catalog).list_after(after_id=after_id, limit=limit)


async def _sellers(main: Connection, page: Sequence[ProductState]) -> dict[int, SellerState]:
    return {row.product_id: row for row in await UserRepository(main).list_sellers(products=page)}
