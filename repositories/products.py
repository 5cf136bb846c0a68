"""Products: what users sell, public to read until it is archived. They are in the catalog, the money is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from repositories.postgres.keyset import Position
from repositories.postgres.statements import Connection, statement

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


@dataclass(frozen=True)
class Product:
    """A product; `price` in minor units, `stock` what can still be bought."""

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


class ProductRepository:
    """The products of one connection to the catalog."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(
        self,
        *,
        seller_id: int,
        account_id: int,
        name: str,
        description: str,
        price: int,
        currency: str,
        stock: int,
        key: str | None,
    ) -> tuple[Product, bool]:
        """Put a product up for sale, or find, as it is now, the one that the seller made under this key.

        The second says whether it was made.
        """
        made = await INSERT.maybe(
            self._connection,
            Product,
            seller_id=seller_id,
            account_id=account_id,
            name=name,
            description=description,
            price=price,
            currency=currency,
            stock=stock,
            idempotency_key=key,
        )
        if made is not None:
            return made, True
        return await FIND.one(self._connection, Product, seller_id=seller_id, idempotency_key=key), False

    async def get(self, *, id: int) -> Product | None:
        """Return the product, archived or not, or None."""
        return await GET.maybe(self._connection, Product, id=id)

    async def lock(self, *, id: int) -> Product | None:
        """Lock the product until the unit of work ends, before any reservation of it."""
        return await LOCK.maybe(self._connection, Product, id=id)

    async def list(self, *, seller_id: int | None, query: str | None, before: Position, limit: int) -> list[Product]:
        """Return what is for sale, newest first: by one seller, with the words of a query, or all."""
        page = {"before_time": before.time, "before_id": before.id, "limit": limit}
        if query is not None:
            return await SEARCH.all(self._connection, Product, query=query, seller_id=seller_id, **page)
        if seller_id is not None:
            return await LIST_BY_SELLER.all(self._connection, Product, seller_id=seller_id, **page)
        return await LIST.all(self._connection, Product, **page)

    async def update(self, *, id: int, account_id: int, name: str, description: str, price: int, stock: int) -> Product:
        """Change a locked product."""
        return await UPDATE.one(
            self._connection,
            Product,
            id=id,
            account_id=account_id,
            name=name,
            description=description,
            price=price,
            stock=stock,
        )

    async def archive(self, *, id: int) -> None:
        """Take a locked product off sale; once."""
        await ARCHIVE.run(self._connection, id=id)

    async def archive_by_seller(self, *, seller_ids: Sequence[int]) -> None:
        """Take everything off sale that users who left were selling."""
        await ARCHIVE_BY_SELLER.run(self._connection, seller_ids=seller_ids)
