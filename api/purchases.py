"""Purchases over HTTP: a product of the catalog, paid in the main database, and refunded."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.http import problems
from api.http.answers import answer, refused, visible
from api.http.authentication import Member, Writer
from api.http.dependencies import CurrentService, Main, Purchases
from api.http.idempotency import RequiredKey
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import Problem, answers, invalid
from api.http.types import Amount, Body, Id, Metadata, OfReference, PathId, Reference, Representation, Time
from api.process.service import Service
from repositories.accounts import MAXIMUM
from repositories.api_keys import Caller
from repositories.ledger import purchases as ledger
from repositories.ledger.keys import Outcome, StoredAnswer, run_keyed
from repositories.postgres.pools import Checkout
from repositories.purchases import Purchase as PurchaseRow
from repositories.refusals import Refusal
from repositories.sagas import purchases as sagas

router = APIRouter(prefix="/purchases", tags=["purchases"], route_class=JsonRoute)

Status = Literal["pending", "completed", "rejected", "refunded"]
Quantity = Annotated[int, Field(ge=1, le=MAXIMUM, examples=[2])]


class NewPurchase(Body):
    """A product to buy, and its quantity."""

    product_id: Id
    quantity: Quantity
    account_id: Id = Field(description="the account of yours that pays")
    price: Amount | None = Field(
        default=None, description="the unit price that you expect: the purchase is refused if the product has another"
    )
    reference: Reference | None = None
    metadata: Metadata | None = None

    model_config = {
        "json_schema_extra": {"examples": [{"product_id": 1, "quantity": 2, "account_id": 2, "price": 1250}]}
    }


class Refund(Body):
    """The part of a purchase to refund: a quantity at its unit price, or an amount; all that is left if neither."""

    quantity: Quantity | None = Field(default=None, description="goes back to stock; null: see amount")
    amount: Amount | None = Field(default=None, description="returns nothing to stock")

    model_config = {"json_schema_extra": {"examples": [{"quantity": 1}]}}


ALL_LEFT = Refund()


class Purchase(Representation):
    """A purchase; amounts in minor units, at the price of the moment of purchase."""

    id: Id
    buyer_id: Id
    product_id: Id
    quantity: Quantity
    unit_price: Amount
    amount: Amount
    currency: str
    account_id: Id
    reference: str | None
    metadata: dict[str, str] | None
    status: Status
    reason: str | None = Field(description="of a rejection: the code of its problem")
    transfer_id: Id | None = Field(description="the payment")
    refunded_amount: int = Field(ge=0, le=MAXIMUM, description="in minor units of the currency")
    refunded_quantity: int = Field(ge=0, le=MAXIMUM, description="what refunds return to stock")
    created_at: Time


ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"model": Purchase, "description": "Still in progress; a job finishes it: read `Location` again"}
}
"""For OpenAPI."""


@router.post(
    "",
    status_code=201,
    summary="Buy",
    responses=ACCEPTED
    | answers(
        "product_not_found",
        "seller_changed",
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
    new: NewPurchase, caller: Writer, main: Main, service: CurrentService, key: RequiredKey
) -> Response:
    """Buy a product: your money is held, the stock reserved, then the purchase is paid, or rejected with a reason.

    202 if the purchase cannot be finished at once: a job finishes it, and a repeat under the key shows its state.
    """
    outcome = await sagas.buy(service.pools, main, caller=caller, key=key, **new.model_dump())
    return await _finish(outcome, caller, main, service)


@router.get("", summary="List purchases", responses=answers(*problems.OWN), response_model=Page[Purchase])
async def list_purchases(
    caller: Member,
    purchases: Purchases,
    page: PageOf,
    status: Annotated[Status | None, Query(description="of this status")] = None,
    reference: OfReference = None,
) -> Response:
    """List your purchases and sales, newest first; operators see all."""
    keyset = page.keyset()
    if reference is None:
        rows = await purchases.list(party_id=caller.reads, status=status, page=keyset)
    else:
        rows = await purchases.list_by_reference(reference=reference, buyer_id=caller.reads, status=status, page=keyset)
    return await page.answer(rows, partial(_show, caller=caller), by_time)


@router.get(
    "/{id}",
    summary="Read a purchase",
    responses=answers("purchase_not_found", *problems.OWN),
    response_model=Purchase,
)
async def get_purchase(id: PathId, caller: Member, purchases: Purchases) -> Response:
    """Read a purchase or sale of yours; operators read any."""
    return answer(_show(visible(await purchases.get(id=id), "purchase", id, caller), caller))


@router.post(
    "/{id}/refund",
    status_code=201,
    summary="Refund a purchase",
    responses=ACCEPTED
    | answers(
        "purchase_not_found",
        "not_owner",
        "already_refunded",
        "exceeds_reversible",
        "purchase_not_completed",
        "idempotency_key_missing",
        "idempotency_key_reused",
        *problems.PAYMENT,
        *problems.BODY,
        *problems.WRITES,
    ),
    response_model=Purchase,
)
async def refund_purchase(
    id: PathId, caller: Writer, main: Main, service: CurrentService, key: RequiredKey, part: Refund = ALL_LEFT
) -> Response:
    """Pay a sale of yours back: a quantity, which goes back to stock, an amount, or all that is left of both.

    Operators refund any purchase. 202 if the stock cannot be returned at once: a job returns it.
    """
    if part.quantity is not None and part.amount is not None:
        raise invalid(("body", "amount"), "does not go with quantity", "quantity_given")
    refund = partial(ledger.refund, purchase_id=id, part=ledger.RefundOrder(**vars(part)), caller=caller, key=key)
    outcome = await run_keyed(main, refund, key=key, step="refund")
    return await _finish(outcome, caller, main, service)


async def _finish(outcome: Outcome[PurchaseRow], caller: Caller, main: Checkout, service: Service) -> Response:
    """Finish a purchase as far as time allows, then answer with its state; raise the problem of a rejection.

    A replay only shows the state: the first request, or a job, finishes the purchase.
    """
    if isinstance(outcome.result, Refusal):
        raise refused(outcome.result, replayed=outcome.replayed)
    assert not isinstance(outcome.result, StoredAnswer)  # noqa: S101 - a repeat reads the purchase again
    purchase = outcome.result
    await main.give_back()
    if not outcome.replayed:
        saga = sagas.Saga(service.pools, purchase)
        await service.background.run("purchase", saga.finish())
        purchase = saga.purchase
    location = f"/purchases/{purchase.id}"
    if purchase.status == "rejected":
        raise _rejection(purchase, location, replayed=outcome.replayed)
    return answer(
        _show(purchase, caller), status=201 if purchase.settled else 202, location=location, replayed=outcome.replayed
    )


def _show(row: PurchaseRow, caller: Caller) -> Purchase:
    return Purchase.model_validate(row.shown_to(caller))


def _rejection(purchase: PurchaseRow, location: str, *, replayed: bool) -> Problem:
    headers = {"Location": location} | ({"Idempotency-Replayed": "true"} if replayed else {})
    detail = f"Purchase {purchase.id} was rejected ({purchase.reason}); its money is free again."
    return Problem(purchase.reason or "internal_error", detail, headers=headers, purchase_id=purchase.id)
