"""Products over HTTP: public to read, changed by their sellers only. Products are in the catalog, money is in main."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Self

from fastapi import APIRouter, Response
from pydantic import AfterValidator, Field, model_validator

from api.http import problems
from api.http.answers import accepted, answer, found, keyed_answer
from api.http.authentication import AnyoneBeforeCatalog, Writer
from api.http.dependencies import CurrentService, Main
from api.http.etags import UNCHANGED, Match, NoneMatch
from api.http.idempotency import OptionalKey
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import answers
from api.http.searches import Search
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
)
from repositories import products
from repositories.accounts import MAXIMUM
from repositories.products import Product as ProductRow
from repositories.products import ProductRepository, tag
from repositories.sagas import products as sagas

router = APIRouter(tags=["products"], route_class=JsonRoute)


def _nonzero(number: int) -> int:
    if not number:
        raise ValueError("must not be 0")
    return number


Stock = Annotated[int, Field(ge=0, le=MAXIMUM, description="units that can still be bought", examples=[10])]
StockChange = Annotated[
    int,
    Field(
        ge=-MAXIMUM,
        le=MAXIMUM,
        description="units to add to the present stock, or to take from it; in place of `stock`, and never stale",
        examples=[-2],
        json_schema_extra={"not": {"const": 0}},
    ),
    AfterValidator(_nonzero),
]
PAYEE_REFUSALS = ("account_not_found", "currency_mismatch", "account_frozen", "account_closed")
"""Codes of refusals of the account that receives the proceeds."""


class NewProduct(Body):
    """A product to put up for sale."""

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
    """The members to change. The currency cannot be changed."""

    name: Name = Field(default_factory=str)
    description: LongText = Field(default_factory=str)
    price: Amount = Field(default_factory=int)
    stock: Stock = Field(default_factory=int)
    stock_change: StockChange = Field(default_factory=int)
    account_id: Id = Field(default_factory=int, description="an open account of yours in the product's currency")

    model_config = {"json_schema_extra": {"examples": [{"description": "A folio of 96 leaves, bound.", "stock": 8}]}}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if {"stock", "stock_change"} <= self.model_fields_set:
            raise ValueError("stock and stock_change exclude each other")
        return self


class Product(Representation):
    """A product; `price` is that of one unit, in minor units."""

    id: Id
    seller_id: Id
    name: str
    description: str
    price: Amount
    currency: str
    stock: Stock
    account_id: Id
    version: int = Field(description="counts changes other than sales; `ETag` changes with sales too")
    created_at: Time
    updated_at: Time
    archived_at: Time | None = Field(description="when it went off sale; null: it is for sale")


@router.post(
    "/products",
    status_code=201,
    summary="Put a product up for sale",
    responses=answers("quota_reached", "idempotency_key_reused", *PAYEE_REFUSALS, *problems.BODY, *problems.WRITES),
    response_model=Product,
)
async def create_product(
    new: NewProduct, caller: Writer, main: Main, service: CurrentService, key: OptionalKey
) -> Response:
    """Put a product up for sale. An account of yours receives the proceeds."""
    product = products.NewProduct(seller_id=caller.user_id, **new.model_dump())
    outcome = await sagas.put_up_for_sale(
        service.pools, main, product=product, key=key, quota=service.settings.products_per_user
    )
    return keyed_answer(outcome, partial(_show_first, new), location="/products/{id}", tag=_tag)


@router.get("/products", summary="List products", responses=answers(*problems.READS), response_model=Page[Product])
async def list_products(q: Search, service: CurrentService, page: PageOf, seller_id: OfUser = None) -> Response:
    """List the products for sale, newest first: all, of one seller, or with the words of a query."""
    async with service.pools["catalog"].checkout() as catalog:
        rows = await ProductRepository(catalog.connection).list(seller_id=seller_id, query=q, page=page.keyset())
    return await page.answer(rows, Product.model_validate, by_time)


@router.get(
    "/products/{id}",
    summary="Read a product",
    openapi_extra={"security": [{}]},  # the key is optional here
    responses=UNCHANGED | answers("product_not_found", "unauthorized", *problems.READS),
    response_model=Product,
)
async def get_product(id: PathId, caller: AnyoneBeforeCatalog, service: CurrentService, known: NoneMatch) -> Response:
    """Read a product. A product off sale is shown to its seller, its buyers and operators only."""
    row = found(await sagas.read_as(service.pools, id, caller), "product", id)
    return known.answer(Product.model_validate(row), row.tag)


@router.patch(
    "/products/{id}",
    summary="Change a product",
    responses=answers(
        "product_not_found",
        "not_owner",
        "product_archived",
        "out_of_stock",
        "precondition_required",
        "precondition_failed",
        *PAYEE_REFUSALS,
        *problems.BODY,
        *problems.WRITES,
    ),
    response_model=Product,
)
async def update_product(
    id: PathId, change: ProductChange, caller: Writer, main: Main, service: CurrentService, match: Match
) -> Response:
    """Change a product of yours. Purchases in progress keep the price at which they began.

    `If-Match` compares the stock only if `stock` is changed: a sale makes no other change stale.
    """
    row = accepted(
        await sagas.change(service.pools, main, id=id, caller=caller, changes=change.members(), precondition=match)
    )
    return answer(Product.model_validate(row), tag=row.tag)


@router.delete(
    "/products/{id}",
    status_code=204,
    summary="Take a product off sale",
    responses=answers(
        "product_not_found", "not_owner", "precondition_required", "precondition_failed", *problems.WRITES
    ),
)
async def delete_product(id: PathId, caller: Writer, main: Main, service: CurrentService, match: Match) -> None:
    """Take a product of yours off sale, for good; its buyers can still read it."""
    accepted(await sagas.archive(service.pools, main, id=id, caller=caller, precondition=match))


def _show_first(new: NewProduct, row: ProductRow) -> Product:
    """Show a product as it was put up for sale, also if it has changed since."""
    first = {"version": 1, "updated_at": row.created_at, "archived_at": None}
    return Product.model_validate(vars(row) | new.model_dump() | first)


def _tag(members: Mapping[str, Any]) -> str:
    return tag(members["version"], members["stock"])
