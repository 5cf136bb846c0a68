"""Holds over HTTP: placed by the payer, captured or released by the payee."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.http import problems
from api.http.answers import answer, keyed_answer, visible
from api.http.authentication import Member, Writer
from api.http.dependencies import Holds, Main
from api.http.idempotency import OptionalKey, RequiredKey
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import answers
from api.http.types import Amount, Body, Description, Id, Metadata, PathId, Reference, Representation, Time
from repositories.api_keys import Caller
from repositories.holds import Hold as HoldRow
from repositories.ledger import holds as ledger
from repositories.ledger.keys import run_keyed
from repositories.transfers import TransferOrder

router = APIRouter(prefix="/holds", tags=["holds"], route_class=JsonRoute)

MAX_SECONDS = 30 * 24 * 60 * 60
"""The longest life of a hold."""

Status = Literal["active", "captured", "released", "expired"]
Seconds = Annotated[int, Field(ge=1, le=MAX_SECONDS, description="seconds", examples=[3600])]


class NewHold(Body):
    """A hold to place."""

    from_account_id: Id
    to_account_id: Id
    amount: Amount
    description: Description | None = None
    reference: Reference | None = None
    metadata: Metadata | None = None
    expires_in: Seconds

    model_config = {
        "json_schema_extra": {
            "examples": [{"from_account_id": 1, "to_account_id": 2, "amount": 1250, "expires_in": 3600}]
        }
    }


class Capture(Body):
    """The amount of a hold to capture; the whole hold if none is given."""

    amount: Amount | None = Field(default=None, description="at most the hold's; null: the whole hold")

    model_config = {"json_schema_extra": {"examples": [{"amount": 1000}]}}


WHOLE = Capture()


class Hold(Representation):
    """Money of one account held for another; amounts in minor units."""

    id: Id
    from_account_id: Id
    to_account_id: Id
    currency: str
    amount: Amount
    description: str | None
    reference: str | None
    metadata: dict[str, str] | None
    status: Status
    captured_amount: Amount | None
    transfer_id: Id | None
    expires_in: Seconds
    expires_at: Time
    created_at: Time


@router.post(
    "",
    status_code=201,
    summary="Place a hold",
    responses=answers(
        "idempotency_key_missing", "idempotency_key_reused", *problems.ORDER, *problems.BODY, *problems.WRITES
    ),
    response_model=Hold,
)
async def create_hold(new: NewHold, caller: Writer, main: Main, key: RequiredKey) -> Response:
    """Hold money of an account of yours for another account. It cannot be spent until the hold ends."""
    order = TransferOrder(ordered_by=caller.user_id, **new.model_dump(exclude={"expires_in"}))
    place = partial(
        ledger.place, order=order, expires_in=new.expires_in, key=key, to_answer=partial(_to_answer, caller=caller)
    )
    return keyed_answer(await run_keyed(main, place, key=key), partial(_show, caller=caller), location="/holds/{id}")


@router.get("", summary="List holds", responses=answers(*problems.OWN), response_model=Page[Hold])
async def list_holds(
    caller: Member,
    holds: Holds,
    page: PageOf,
    status: Annotated[Status | None, Query(description="of this status")] = None,
) -> Response:
    """List holds from or to your accounts, newest first; operators see all."""
    rows = await holds.list(owner_id=caller.reads, status=status, page=page.keyset())
    return await page.answer(rows, partial(_show, caller=caller), by_time)


@router.get("/{id}", summary="Read a hold", responses=answers("hold_not_found", *problems.OWN), response_model=Hold)
async def get_hold(id: PathId, caller: Member, holds: Holds) -> Response:
    """Read a hold from or to an account of yours; operators read any."""
    return answer(_show(visible(await holds.get(id=id), "hold", id, caller), caller))


@router.post(
    "/{id}/capture",
    summary="Capture a hold",
    responses=answers(
        "hold_not_found",
        "not_owner",
        "hold_not_active",
        "hold_expired",
        "idempotency_key_missing",
        "idempotency_key_reused",
        *problems.PAYMENT,
        *problems.BODY,
        *problems.WRITES,
    ),
    response_model=Hold,
)
async def capture_hold(id: PathId, caller: Writer, main: Main, key: RequiredKey, part: Capture = WHOLE) -> Response:
    """Capture a hold, or a part of it, to your account, once. The rest is released."""
    capture = partial(
        ledger.capture,
        hold_id=id,
        amount=part.amount,
        caller=caller,
        key=key,
        to_answer=partial(_to_answer, caller=caller),
    )
    return keyed_answer(await run_keyed(main, capture, key=key), partial(_show, caller=caller), status=200)


@router.post(
    "/{id}/release",
    summary="Release a hold",
    responses=answers(
        "hold_not_found",
        "not_owner",
        "hold_not_active",
        "hold_expired",
        "idempotency_key_reused",
        *problems.BODY,
        *problems.WRITES,
    ),
    response_model=Hold,
)
async def release_hold(id: PathId, caller: Writer, main: Main, key: OptionalKey) -> Response:
    """Release a hold to an account of yours: its money is the payer's to spend again. Operators release any hold."""
    release = partial(ledger.release, hold_id=id, caller=caller, key=key, to_answer=partial(_to_answer, caller=caller))
    return keyed_answer(await run_keyed(main, release, key=key), partial(_show, caller=caller), status=200)


def _show(row: HoldRow, caller: Caller) -> Hold:
    return Hold.model_validate(row.shown_to(caller))


def _to_answer(row: HoldRow, caller: Caller) -> dict[str, object]:
    return _show(row, caller).model_dump(mode="json")
