"""Products: offers of users, public to read until archived. Products are in the catalog, the money is in main."""

import builtins
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from repositories.accounts import MAXIMUM
from repositories.postgres.keyset import Keyset
from repositories.postgres.searching import can_match, limited
from repositories.postgres.statements import Connection, statement
from repositories.preconditions import Precondition
from repositories.refusals import Refusal, quota_reached

INSERT = statement("catalog/products/insert")
FIND = statement("catalog/products/find")
GET = statement("catalog/products/get")
LOCK = statement("catalog/products/lock")
LIST = statement("catalog/products/list")
LIST_BY_SELLER = statement("catalog/products/list_by_seller")
SEARCH = statement("catalog/products/search")
UPDATE = statement("catalog/products/update")
ARCHIVE = statement("catalog/products/archive")
ARCHIVE_BY_SELLER = statement("catalog/products/archive_by_seller")
LIST_AFTER = statement("catalog/products/list_after")
COUNT_SUPPLIED = statement("catalog/products/count_supplied")


@dataclass(frozen=True)
class Product:
    """A product; `price` in minor units, `stock` in units that can still be bought."""

    id: int
    seller_id: int
    account_id: int
    name: str
    description: str
    price: int
    currency: str
    stock: int
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None

    @property
    def tag(self) -> str:
        """Return the ETag."""
        return tag(self.version, self.stock)


def tag(version: int, stock: int) -> str:
    """Return a product's ETag: a sale changes the stock alone, every other change the version."""
    return f"{version}-{stock}"


@dataclass(frozen=True)
class NewProduct:
    """A product to insert."""

    seller_id: int
    account_id: int
    name: str
    description: str
    price: int
    currency: str
    stock: int


@dataclass(frozen=True)
class ProductState:
    """The part of a product that the main database must agree with."""

    id: int
    seller_id: int
    account_id: int
    currency: str
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    idempotency_key: str | None


def require_seller(product: Product | None, id: int, seller_id: int) -> Product | Refusal:
    """Return a product of this seller; refuse another seller's, and if that is archived, as if it did not exist."""
    if product is None or (product.archived_at is not None and product.seller_id != seller_id):
        return Refusal("product_not_found", f"There is no product {id}.")
    if product.seller_id != seller_id:
        return Refusal("not_owner", "Only its seller may change a product.")
    return product


class ProductRepository:
    """The products of one connection to the catalog."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, product: NewProduct, key: str | None, quota: int) -> tuple[Product | Refusal, bool]:
        """Put a product up for sale, or return the one that the seller put up under this key, as it is now.

        Refused if the seller has `quota` products for sale. The second value is True if nothing was returned before.
        """
        row = await INSERT.maybe(self._connection, Product, **vars(product), idempotency_key=key, quota=quota)
        if row is not None:
            return row, True
        if key is not None:
            row = await FIND.maybe(self._connection, Product, seller_id=product.seller_id, idempotency_key=key)
        return (quota_reached("products for sale", quota), True) if row is None else (row, False)

    async def get(self, *, id: int) -> Product | None:
        """Return the product, archived or not, or None."""
        return await GET.maybe(self._connection, Product, id=id)

    async def lock(self, *, id: int, seller_id: int | None = None) -> Product | None:
        """Lock the product until the unit of work ends. Call it before any reservation of the product is locked.

        With a `seller_id`, return None and lock nothing if the product is another seller's.
        """
        return await LOCK.maybe(self._connection, Product, id=id, seller_id=seller_id)

    async def _lock_own(self, id: int, seller_id: int) -> Product | Refusal:
        product = await self.lock(id=id, seller_id=seller_id)
        return product or require_seller(await self.get(id=id), id, seller_id)

    async def list(self, *, seller_id: int | None, query: str | None, page: Keyset) -> list[Product]:
        """Return products for sale, newest first: of one seller, with the words of a query, or all."""
        if query is not None:
            if not can_match(query):
                return []
            async with limited(self._connection):
                return await SEARCH.all(self._connection, Product, query=query, seller_id=seller_id, **page.arguments())
        if seller_id is not None:
            return await LIST_BY_SELLER.all(self._connection, Product, seller_id=seller_id, **page.arguments())
        return await LIST.all(self._connection, Product, **page.arguments())

    async def change(
        self, *, id: int, seller_id: int, changes: dict[str, Any], precondition: Precondition
    ) -> Product | Refusal:
        """Change a product of the seller's. Locks the product.

        Only a new `stock` compares the stock that the seller read. A `stock_change` is added to the present stock.
        """
        product = await self._lock_own(id, seller_id)
        if isinstance(product, Refusal):
            return product
        significant = "" if "stock" in changes else str(product.version)
        refusal = precondition.refusal(product.tag, significant=significant)
        if refusal is not None:
            return refusal
        if product.archived_at is not None:
            return Refusal("product_archived", "A product that is off sale cannot be changed.")
        stock = product.stock + changes.get("stock_change", 0)
        refusal = _judge_stock(stock, product.stock)
        if refusal is not None:
            return refusal
        changed = replace(
            product, **{"stock": stock} | {name: changes[name] for name in changes if name != "stock_change"}
        )
        if changed == product:
            return product
        return await UPDATE.one(
            self._connection,
            Product,
            id=id,
            account_id=changed.account_id,
            name=changed.name,
            description=changed.description,
            price=changed.price,
            stock=changed.stock,
        )

    async def archive(self, *, id: int, seller_id: int, precondition: Precondition) -> Refusal | None:
        """Take a product of the seller's off sale; a repeat changes nothing. Locks the product."""
        product = await self._lock_own(id, seller_id)
        if isinstance(product, Refusal):
            return product
        refusal = precondition.refusal(product.tag, significant=str(product.version))
        if refusal is None:
            await ARCHIVE.run(self._connection, id=id)
        return refusal

    async def archive_by_seller(self, *, seller_id: int, limit: int) -> int:
        """Take at most `limit` products of a seller who left off sale; return their number."""
        return (await ARCHIVE_BY_SELLER.run(self._connection, seller_id=seller_id, limit=limit)).rowcount

    async def list_after(self, *, after_id: int, limit: int) -> builtins.list[ProductState]:
        """Return a page of all products, archived or not, by id."""
        return await LIST_AFTER.all(self._connection, ProductState, after_id=after_id, limit=limit)

    async def count_supplied(self, *, limit: int) -> int:
        """Count what products of an earlier release were supplied with, `limit` at a time; return their number."""
        return len(await COUNT_SUPPLIED.values(self._connection, limit=limit))


def _judge_stock(stock: int, present: int) -> Refusal | None:
    if stock < 0:
        return Refusal("out_of_stock", f"The stock is {present}.")
    if stock > MAXIMUM:
        detail = f"The stock is {present}, and can be {MAXIMUM} at most."
        return Refusal("validation_error", detail, location=("body", "stock_change"), kind="stock_out_of_range")
    return None
