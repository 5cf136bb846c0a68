"""Holds over HTTP: money promised by its owner, captured or released by whom it was promised to."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from api.http import idempotency, problems
from api.http.dependencies import Holds, Main, Member, Writer
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import Problem, answers, invalid
from api.http.types import Amount, Body, Description, Id, PathId, Representation, Time
from repositories.api_keys import Caller
from repositories.holds import Hold as HoldRow
from repositories.holds import HoldRepository
from repositories.ledger import holds as holding
from repositories.ledger import transfers as ledger
from repositories.postgres.statements import Connection
from repositories.refusals import Refusal
from repositories.transfers import Order

router = APIRouter(prefix="/holds", tags=["holds"], route_class=JsonRoute)

LONGEST = 30 * 24 * 60 * 60
"""Seconds that a hold may last."""

Seconds = Annotated[int, Field(ge=1, le=LONGEST, description="seconds", examples=[3600])]


class NewHold(Body):
    """Money to be promised."""

    from_account_id: Id
    to_account_id: Id
    amount: Amount
    description: Description | None = None
    expires_in: Seconds

    model_config = {
        "json_schema_extra": {
            "examples": [{"from_account_id": 1, "to_account_id": 2, "amount": 1250, "expires_in": 3600}]
        }
    }


class Capture(Body):
    """How much of a hold is to be captured; all of it where nothing is said."""

    amount: Amount | None = Field(default=None, description="up to the hold's; null: all of it")

    model_config = {"json_schema_extra": {"examples": [{"amount": 1000}]}}


ALL = Capture()


class Hold(Representation):
    """Money that is promised, or was; amounts in minor units."""

    id: Id
    from_account_id: Id
    to_account_id: Id
    currency: str
    amount: Amount
    description: str | None
    status: Literal["active", "captured", "released", "expired"]
    captured_amount: Amount | None
    transfer_id: Id | None
    expires_in: Seconds
    expires_at: Time
    created_at: Time


@router.post(
    "",
    status_code=201,
    summary="Promise money",
    responses=answers(
        "idempotency_key_missing",
        "idempotency_key_reused",
        *problems.ORDER,
        *problems.BODY,
        *problems.WRITES,
    ),
)
async def create_hold(new: NewHold, caller: Writer, main: Main, response: Response, key: idempotency.Required) -> Hold:
    """Promise money of an account of yours to another account: it cannot be spent until the hold is over."""
    order = Order(ordered_by=caller.user_id, **new.model_dump(exclude={"expires_in"}))

    async def make(connection: Connection, accounts: ledger.Accounts) -> Hold | Refusal:
        return _show(await holding.hold(connection, accounts, order=order, expires_in=new.expires_in))

    hold = await idempotency.once(
        main,
        response,
        key=key.required(caller, new),
        memory=idempotency.AsAnswered("hold", Hold),
        lock=partial(ledger.lock, ids=order.account_ids),
        make=make,
    )
    response.headers["Location"] = f"/holds/{hold.id}"
    return hold


@router.get("", summary="List holds", responses=answers(*problems.OWN))
async def list_holds(caller: Member, holds: Holds, page: PageOf) -> Page[Hold]:
    """List holds from or to your accounts, newest first; operators see everybody's."""
    rows = await holds.list(owner_id=caller.reads, before=page.position(), limit=page.rows)
    return page.answer(rows, Hold.model_validate, by_time)


@router.get("/{id}", summary="Read a hold", responses=answers("hold_not_found", *problems.OWN))
async def get_hold(id: PathId, caller: Member, holds: Holds) -> Hold:
    """Read a hold from or to an account of yours; operators read everybody's."""
    return Hold.model_validate(_visible(await holds.get(id=id), id, caller))


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
)
async def capture_hold(
    id: PathId,
    caller: Writer,
    main: Main,
    response: Response,
    key: idempotency.Required,
    asked: Capture = ALL,
) -> Hold:
    """Take what was promised to you, or a part of it, once; the rest is released in the same moment."""

    async def make(connection: Connection, locked: tuple[HoldRow, ledger.Accounts]) -> Hold | Refusal:
        hold = _visible(locked[0], id, caller)
        amount = asked.amount or hold.amount
        if amount > hold.amount:
            raise invalid(("body", "amount"), f"must be at most what is held: {hold.amount}", "amount_exceeds_hold")
        return _show(await holding.capture(connection, locked, ordered_by=caller.user_id, amount=amount))

    return await idempotency.once(
        main,
        response,
        key=key.required(caller, asked),
        memory=idempotency.AsAnswered("hold", Hold),
        lock=partial(_lock, id=id),
        make=make,
    )


@router.post(
    "/{id}/release",
    summary="Release a hold",
    responses=answers(
        "hold_not_found", "not_owner", "hold_not_active", "hold_expired", "idempotency_key_reused", *problems.WRITES
    ),
)
async def release_hold(id: PathId, caller: Writer, main: Main, response: Response, key: idempotency.Optional) -> Hold:
    """Give up what was promised to you; operators give up what was promised to anybody."""

    async def make(connection: Connection, locked: tuple[HoldRow, ledger.Accounts]) -> Hold | Refusal:
        _visible(locked[0], id, caller)
        return _show(await holding.release(connection, locked, ordered_by=caller.user_id, operator=caller.operator))

    return await idempotency.once(
        main,
        response,
        key=key.key(caller),
        memory=idempotency.AsAnswered("hold", Hold),
        lock=partial(_lock, id=id),
        make=make,
    )


async def _lock(connection: Connection, *, id: int) -> tuple[HoldRow, ledger.Accounts]:
    return await holding.lock(connection, hold=_there(await HoldRepository(connection).get(id=id), id))


def _there(row: HoldRow | None, id: int) -> HoldRow:
    if row is None:
        raise Problem("hold_not_found", f"There is no hold {id}.")
    return row


def _visible(row: HoldRow | None, id: int, caller: Caller) -> HoldRow:
    """Return a hold that the caller may see; 404 for what is somebody else's as for what is not there."""
    own = row is not None and caller.user_id in {row.from_owner_id, row.to_owner_id}
    return _there(row if own or caller.operator else None, id)


def _show(outcome: HoldRow | Refusal) -> Hold | Refusal:
    return outcome if isinstance(outcome, Refusal) else Hold.model_validate(outcome)
