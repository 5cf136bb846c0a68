"""Products: offers of users, public to read until archived. Products are in the catalog, the money is in main."""

import builtins
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from repositories.postgres.keyset import Keyset
from repositories.postgres.statements import Connection, statement
from repositories.preconditions import Precondition
from repositories.refusals import Refusal

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

    async def insert(self, *, product: NewProduct, key: str | None) -> tuple[Product, bool]:
        """Put a product up for sale, or return the one that the seller put up under this key, as it is now.

        The second value is True if the product was inserted.
        """
        row = await INSERT.maybe(self._connection, Product, **vars(product), idempotency_key=key)
        if row is not None:
            return row, True
        return await FIND.one(self._connection, Product, seller_id=product.seller_id, idempotency_key=key), False

    async def get(self, *, id: int) -> Product | None:
        """Return the product, archived or not, or None."""
        return await GET.maybe(self._connection, Product, id=id)

    async def lock(self, *, id: int) -> Product | None:
        """Lock the product until the unit of work ends. Call it before any reservation of the product is locked."""
        return await LOCK.maybe(self._connection, Product, id=id)

    async def list(self, *, seller_id: int | None, query: str | None, page: Keyset) -> list[Product]:
        """Return products for sale, newest first: of one seller, with the words of a query, or all."""
        if query is not None:
            return await SEARCH.all(self._connection, Product, query=query, seller_id=seller_id, **page.arguments())
        if seller_id is not None:
            return await LIST_BY_SELLER.all(self._connection, Product, seller_id=seller_id, **page.arguments())
        return await LIST.all(self._connection, Product, **page.arguments())

    async def change(
        self, *, id: int, seller_id: int, changes: dict[str, Any], precondition: Precondition
    ) -> Product | Refusal:
        """Change a product of the seller's. Locks the product."""
        product = require_seller(await self.lock(id=id), id, seller_id)
        if isinstance(product, Refusal):
            return product
        refusal = precondition.refusal(product.version)
        if refusal is not None:
            return refusal
        if product.archived_at is not None:
            return Refusal("product_archived", "A product that is off sale cannot be changed.")
        changed = replace(product, **changes)
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
        product = require_seller(await self.lock(id=id), id, seller_id)
        if isinstance(product, Refusal):
            return product
        refusal = precondition.refusal(product.version)
        if refusal is None:
            await ARCHIVE.run(self._connection, id=id)
        return refusal

    async def archive_by_seller(self, *, seller_ids: Sequence[int]) -> None:
        """Take all products of these sellers off sale."""
        await ARCHIVE_BY_SELLER.run(self._connection, seller_ids=seller_ids)

    async def list_after(self, *, after_id: int, limit: int) -> builtins.list[ProductState]:
        """Return a page of all products, archived or not, by id."""
        return await LIST_AFTER.all(self._connection, ProductState, after_id=after_id, limit=limit)

    async def count_supplied(self, *, limit: int) -> int:
        """Count what products of an earlier release were supplied with, `limit` at a time; return their number."""
        return len(await COUNT_SUPPLIED.values(self._connection, limit=limit))
