"""Purchases over HTTP: a product of the catalog, paid in the main database, and refunded."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from api import products
from api.http import idempotency, problems
from api.http.dependencies import Databases, InBackground, Main, Member, Purchases, Writer
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import Problem, answers, invalid
from api.http.types import Amount, Body, Id, PathId, Representation, Time
from repositories.accounts import MAXIMUM
from repositories.api_keys import Caller
from repositories.idempotency_keys import Kept
from repositories.ledger import transfers as ledger
from repositories.postgres.failpoints import reach
from repositories.postgres.statements import Connection
from repositories.purchases import Purchase as PurchaseRow
from repositories.purchases import PurchaseRepository
from repositories.refusals import Refusal
from repositories.sagas import purchases as purchasing
from repositories.sagas.purchases import Saga, Wanted

router = APIRouter(prefix="/purchases", tags=["purchases"], route_class=JsonRoute)

Quantity = Annotated[int, Field(ge=1, le=MAXIMUM, examples=[2])]


class NewPurchase(Body):
    """A product to be bought."""

    product_id: Id
    quantity: Quantity
    account_id: Id = Field(description="pays: an account of yours")
    price: Amount | None = Field(default=None, description="of one; refused where the product has another by now")

    model_config = {
        "json_schema_extra": {"examples": [{"product_id": 1, "quantity": 2, "account_id": 2, "price": 1250}]}
    }


class Purchase(Representation):
    """A purchase; amounts in minor units, as they were at the moment of purchase."""

    id: Id
    buyer_id: Id
    product_id: Id
    quantity: Quantity
    unit_price: Amount
    amount: Amount
    currency: str
    account_id: Id
    status: Literal["pending", "completed", "rejected", "refunded"]
    reason: str | None = Field(description="why it was rejected: the code of the problem")
    transfer_id: Id | None = Field(description="what paid it")
    created_at: Time


class AsItIsNow:
    """A repeat gets the purchase as it is now."""

    kind = "purchase"

    def keep(self, made: PurchaseRow, /) -> tuple[int | None, object]:
        """Keep which purchase it was."""
        return made.id, None

    async def recall(self, connection: Connection, kept: Kept, /) -> PurchaseRow:
        """Read the purchase."""
        assert kept.resource_id is not None  # noqa: S101 - a constraint of the table
        purchase = await PurchaseRepository(connection).get(id=kept.resource_id)
        assert purchase is not None  # noqa: S101 - purchases are never removed
        return purchase


MEMORY = AsItIsNow()
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"model": Purchase, "description": "Begun; a worker finishes it: read `Location` again"}
}
"""For OpenAPI."""


@router.post(
    "",
    status_code=201,
    summary="Buy",
    responses=ACCEPTED
    | answers(
        "product_not_found",
        "product_archived",
        "price_changed",
        "out_of_stock",
        "idempotency_key_missing",
        "idempotency_key_reused",
        *problems.ORDER,
        *problems.BODY,
        *problems.WRITES,
    ),
    response_model=Purchase,
)
async def create_purchase(
    new: NewPurchase,
    caller: Writer,
    main: Main,
    databases: Databases,
    background: InBackground,
    response: Response,
    key: idempotency.Required,
) -> Purchase:
    """Buy a product: its money is held, its stock reserved, and then it is paid, or rejected with a reason.

    202 where it could not be finished at once: it will be, and a repeat under the key tells how it stands.
    """
    named = key.required(caller, new)
    purchase = await idempotency.repeated(main, response, key=named, memory=MEMORY)
    if purchase is None:
        await main.give_back()
        wanted = await _wanted(databases, new, caller)
        await main.renew()

        async def make(connection: Connection, accounts: ledger.Accounts) -> PurchaseRow | Refusal:
            return await purchasing.begin(connection, accounts, wanted=wanted)

        lock = partial(ledger.lock, ids=wanted.order.account_ids)
        purchase = await idempotency.once(main, response, key=named, memory=MEMORY, lock=lock, make=make)
        reach("after hold")
    await main.give_back()
    return await _finish(purchase, databases, background, response)


@router.get("", summary="List purchases", responses=answers(*problems.OWN))
async def list_purchases(caller: Member, purchases: Purchases, page: PageOf) -> Page[Purchase]:
    """List what you bought and what you sold, newest first; operators see everybody's."""
    rows = await purchases.list(party_id=caller.reads, before=page.position(), limit=page.rows)
    return page.answer(rows, Purchase.model_validate, by_time)


@router.get("/{id}", summary="Read a purchase", responses=answers("purchase_not_found", *problems.OWN))
async def get_purchase(id: PathId, caller: Member, purchases: Purchases) -> Purchase:
    """Read what you bought or sold; operators read everybody's."""
    return Purchase.model_validate(_visible(await purchases.get(id=id), id, caller))


@router.post(
    "/{id}/refund",
    status_code=201,
    summary="Refund a purchase",
    responses=ACCEPTED
    | answers(
        "purchase_not_found",
        "not_owner",
        "already_refunded",
        "purchase_not_completed",
        "idempotency_key_missing",
        "idempotency_key_reused",
        *problems.PAYMENT,
        *problems.WRITES,
    ),
    response_model=Purchase,
)
async def refund_purchase(
    id: PathId,
    caller: Writer,
    main: Main,
    databases: Databases,
    background: InBackground,
    response: Response,
    key: idempotency.Required,
) -> Purchase:
    """Pay what you sold back, once, all of it; what was bought goes back into the stock."""

    async def lock(connection: Connection) -> purchasing.Locked:
        purchase = _visible(await PurchaseRepository(connection).get(id=id), id, caller)
        return await purchasing.lock(connection, purchase=purchase)

    async def make(connection: Connection, locked: purchasing.Locked) -> PurchaseRow | Refusal:
        return await purchasing.refund(connection, locked, ordered_by=caller.user_id, operator=caller.operator)

    purchase = await idempotency.once(main, response, key=key.required(caller), memory=MEMORY, lock=lock, make=make)
    await main.give_back()
    return await _finish(purchase, databases, background, response)


async def _wanted(databases: Databases, new: NewPurchase, caller: Caller) -> Wanted:
    """Read what is to be bought; with the catalog away nothing has happened yet."""
    product = await products.read(databases, new.product_id)
    if product is None or product.archived_at is not None:
        raise products.not_found(new.product_id)
    if new.quantity * product.price > MAXIMUM:
        raise invalid(("body", "quantity"), "costs more than any account can pay", "amount_too_large")
    return Wanted(caller.user_id, product, new.quantity, new.account_id, new.price)


async def _finish(
    purchase: PurchaseRow, databases: Databases, background: InBackground, response: Response
) -> Purchase:
    """Finish a purchase as far as time allows, and answer how it stands then; the Problem of a rejection.

    A repeat only looks: whoever began is at work on it, or a worker will be.
    """
    if not idempotency.is_replay(response):
        saga = Saga(databases, purchase)
        await background.run("purchase", saga.finish())
        purchase = saga.purchase
    response.headers["Location"] = f"/purchases/{purchase.id}"
    if purchase.status == "rejected":
        raise _rejection(purchase, response)
    if not purchase.finished:
        response.status_code = 202
    return Purchase.model_validate(purchase)


def _rejection(purchase: PurchaseRow, response: Response) -> Problem:
    detail = f"Purchase {purchase.id} was rejected, and its money is free again: {purchase.reason}."
    return Problem(purchase.reason or "", detail, headers=dict(response.headers), purchase_id=purchase.id)


def _visible(row: PurchaseRow | None, id: int, caller: Caller) -> PurchaseRow:
    """Return a purchase that the caller may see; 404 for what is somebody else's as for what is not there."""
    if row is None or not (caller.operator or caller.user_id in {row.buyer_id, row.seller_id}):
        raise Problem("purchase_not_found", f"There is no purchase {id}.")
    return row
