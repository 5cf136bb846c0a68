"""Products over HTTP: public to read, changed by their sellers only. They are in the catalog, the money is not."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.http import idempotency, problems
from api.http.dependencies import AnyoneApart, Databases, Main, Writer
from api.http.etags import UNCHANGED, Match, NoneMatch, etag
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import Problem, answers
from api.http.types import (
    Amount,
    Body,
    Change,
    Currency,
    Id,
    LongText,
    Name,
    OfUser,
    PathId,
    Representation,
    Time,
    Words,
)
from repositories.accounts import MAXIMUM, AccountRepository
from repositories.api_keys import Caller
from repositories.postgres import unit_of_work as units
from repositories.postgres.statements import Connection
from repositories.products import Product as ProductRow
from repositories.products import ProductRepository
from repositories.purchases import PurchaseRepository
from repositories.refusals import Refusal

router = APIRouter(tags=["products"], route_class=JsonRoute)

Stock = Annotated[int, Field(ge=0, le=MAXIMUM, description="what can still be bought", examples=[10])]
ACCOUNT = ("account_not_found", "currency_mismatch", "account_frozen", "account_closed")
"""What may be wrong with the account that is to receive the proceeds."""


class NewProduct(Body):
    """A product to be sold."""

    name: Name
    description: LongText = ""
    price: Amount
    currency: Currency
    stock: Stock
    account_id: Id = Field(description="receives the proceeds: an open account of yours in that currency")

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "name": "Notebook",
                    "description": "A folio of 96 leaves.",
                    "price": 1250,
                    "currency": "EUR",
                    "stock": 10,
                    "account_id": 1,
                }
            ]
        }
    }


class ProductChange(Change):
    """What a seller changes; what is left out stays. The currency stays for good."""

    name: Name = Field(default_factory=str)
    description: LongText = Field(default_factory=str)
    price: Amount = Field(default_factory=int)
    stock: Stock = Field(default_factory=int)
    account_id: Id = Field(default_factory=int, description="an open account of yours in the product's currency")

    model_config = {"json_schema_extra": {"examples": [{"description": "A folio of 96 leaves, bound.", "stock": 8}]}}


class Product(Representation):
    """A product; the price of one in minor units."""

    id: Id
    seller_id: Id
    name: str
    description: str
    price: Amount
    currency: str
    stock: Stock
    account_id: Id
    version: int = Field(description="counts changes, those of the stock too")
    created_at: Time
    updated_at: Time
    archived_at: Time | None = Field(description="since when it is off sale; null: it is not")


class Claim(BaseModel):
    """What stands under the key of a product in the main database: that the key is taken."""


@router.post(
    "/products",
    status_code=201,
    summary="Put a product up for sale",
    responses=answers("idempotency_key_reused", *ACCOUNT, *problems.BODY, *problems.WRITES),
)
async def create_product(
    new: NewProduct, caller: Writer, main: Main, databases: Databases, response: Response, key: idempotency.Optional
) -> Product:
    """Put a product up for sale, its proceeds for an account of yours."""
    claimed = key.key(caller, new)
    name = None if claimed is None else claimed.key

    async def claim(connection: Connection, _: None) -> Claim | Refusal:
        wrong = await _receives(connection, account_id=new.account_id, currency=new.currency, caller=caller)
        return wrong or Claim()

    # The key belongs to the main database, where whatever else it may be used for is decided.
    memory = idempotency.AsAnswered("product", Claim)
    await idempotency.once(main, response, key=claimed, memory=memory, make=claim, final=False)
    await main.give_back()

    async def work(connection: Connection) -> tuple[ProductRow, bool]:
        products = ProductRepository(connection)
        return await products.insert(seller_id=caller.user_id, key=name, **new.model_dump())

    async with databases["catalog"].checkout() as catalog:
        row, made = await units.run(catalog, work, keyed=claimed is not None)
    idempotency.mark(response, replayed=not made)
    # As it was first answered, whatever became of it since.
    product = Product.model_validate(
        vars(row) | new.model_dump() | {"version": 1, "updated_at": row.created_at, "archived_at": None}
    )
    response.headers["Location"] = f"/products/{product.id}"
    response.headers["ETag"] = etag(product.version)
    return product


@router.get("/products", summary="List products", responses=answers(*problems.READS))
async def list_products(
    databases: Databases,
    page: PageOf,
    seller_id: OfUser = None,
    q: Words = None,
) -> Page[Product]:
    """List what is for sale, newest first: all, of one seller, or with the words of a query."""
    async with databases["catalog"].checkout() as catalog:
        products = ProductRepository(catalog.connection)
        rows = await products.list(seller_id=seller_id, query=q, before=page.position(), limit=page.rows)
    return page.answer(rows, Product.model_validate, by_time)


@router.get(
    "/products/{id}",
    summary="Read a product",
    openapi_extra={"security": [{}]},  # the key is optional here
    responses=UNCHANGED | answers("product_not_found", "unauthorized", "too_many_requests", *problems.READS),
    response_model=Product,
)
async def get_product(
    id: PathId, caller: AnyoneApart, databases: Databases, response: Response, have: NoneMatch
) -> Product | Response:
    """Read a product; one that is off sale is shown to its seller, to those who bought it and to operators."""
    row = _found(await read(databases, id), id)
    if row.archived_at is not None and not await _may_still_read(databases, row, caller):
        raise not_found(id)
    response.headers["ETag"] = etag(row.version)
    return have.unchanged(row.version, response) or Product.model_validate(row)


@router.patch(
    "/products/{id}",
    summary="Change a product",
    responses=answers(
        "product_not_found",
        "not_owner",
        "product_archived",
        "precondition_required",
        "precondition_failed",
        *ACCOUNT,
        *problems.BODY,
        *problems.WRITES,
    ),
)
async def update_product(
    id: PathId,
    change: ProductChange,
    caller: Writer,
    main: Main,
    databases: Databases,
    response: Response,
    match: Match,
) -> Product:
    """Change a product of yours. Purchases that are under way keep the price at which they began."""
    asked = change.asked()
    await main.give_back()
    row = _own(await read(databases, id), id, caller)
    if "account_id" in asked:
        await main.renew()
        refusal = await _receives(main.connection, account_id=change.account_id, currency=row.currency, caller=caller)
        if refusal is not None:
            raise idempotency.refuse(refusal, response)
        await main.give_back()

    async def work(connection: Connection) -> ProductRow:
        products = ProductRepository(connection)
        row = _own(await products.lock(id=id), id, caller)
        match.check(row.version)
        if row.archived_at is not None:
            raise Problem("product_archived", "A product that is off sale is not changed.")
        changed = replace(row, **asked)
        if changed == row:
            return row
        members = {name: getattr(changed, name) for name in ProductChange.model_fields}
        return await products.update(id=id, **members)

    async with databases["catalog"].checkout() as catalog:
        product = Product.model_validate(await units.run(catalog, work))
    response.headers["ETag"] = etag(product.version)
    return product


@router.delete(
    "/products/{id}",
    status_code=204,
    summary="Take a product off sale",
    responses=answers(
        "product_not_found", "not_owner", "precondition_required", "precondition_failed", *problems.WRITES
    ),
)
async def delete_product(id: PathId, caller: Writer, main: Main, databases: Databases, match: Match) -> None:
    """Take a product of yours off sale, for good; those who bought it can still read it."""
    await main.give_back()

    async def work(connection: Connection) -> None:
        products = ProductRepository(connection)
        match.check(_own(await products.lock(id=id), id, caller).version)
        await products.archive(id=id)

    async with databases["catalog"].checkout() as catalog:
        await units.run(catalog, work)


async def read(databases: Databases, id: int) -> ProductRow | None:
    """Read a product on a connection that is back before anything else is waited for."""
    async with databases["catalog"].checkout() as catalog:
        return await ProductRepository(catalog.connection).get(id=id)


def not_found(id: int) -> Problem:
    """Return the 404 of a product that is not there, or not for this caller."""
    return Problem("product_not_found", f"There is no product {id}.")


async def _receives(connection: Connection, *, account_id: int, currency: str, caller: Caller) -> Refusal | None:
    """Judge the account that is to receive the proceeds; frozen or closed later, it makes purchases fail instead."""
    account = await AccountRepository(connection).get(id=account_id)
    if account is None or account.owner_id != caller.user_id:
        return Refusal("account_not_found", f"You have no account {account_id} to receive the proceeds.")
    if account.currency != currency:
        return Refusal("currency_mismatch", f"Account {account_id} is in {account.currency}.")
    if account.status != "open":
        return Refusal(f"account_{account.status}", f"Account {account_id} is {account.status}.")
    return None


async def _may_still_read(databases: Databases, row: ProductRow, caller: Caller | None) -> bool:
    if caller is None:
        return False
    if caller.operator or caller.user_id == row.seller_id:
        return True
    async with databases["main"].checkout() as main:
        return await PurchaseRepository(main.connection).bought(buyer_id=caller.user_id, product_id=row.id)


def _own(row: ProductRow | None, id: int, caller: Caller) -> ProductRow:
    """Return a product that the caller sells; one that is off sale is not there for anybody else."""
    found = _found(row, id)
    if found.seller_id != caller.user_id:
        raise not_found(id) if found.archived_at else Problem("not_owner", "Only its seller may change a product.")
    return found


def _found(row: ProductRow | None, id: int) -> ProductRow:
    if row is None:
        raise not_found(id)
    return row
