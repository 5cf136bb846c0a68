"""Transfers over HTTP: one, many at once, and reversed."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.http import problems
from api.http.answers import answer, keyed_answer, visible
from api.http.authentication import Member, Writer
from api.http.dependencies import Accounts, Main, Transfers
from api.http.idempotency import RequiredKey
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import ProblemDetails, answers, details
from api.http.types import Amount, Balance, Body, Currency, Description, Digits, Id, PathId, Representation, Time
from repositories.accounts import MAXIMUM
from repositories.ledger import transfers as ledger
from repositories.ledger.keys import run_keyed
from repositories.refusals import Refusal
from repositories.transfers import ShownTransfer, TransferOrder
from repositories.transfers import Transfer as TransferRow

router = APIRouter(tags=["transfers"], route_class=JsonRoute)

REFUSALS = ("idempotency_key_missing", "idempotency_key_reused", "version_mismatch", *problems.ORDER)


class NewTransfer(Body):
    """A transfer to be made."""

    from_account_id: Id
    to_account_id: Id
    amount: Amount
    currency: Currency | None = Field(default=None, description="refused if the accounts are in another")
    description: Description | None = None
    from_account_version: int | None = Field(
        default=None, ge=0, le=MAXIMUM, description="refused if the paying account is at another"
    )

    model_config = {
        "json_schema_extra": {
            "examples": [{"from_account_id": 1, "to_account_id": 2, "amount": 1250, "description": "Lunch"}]
        }
    }


class AccountBalance(Representation):
    """What a transfer left on an account."""

    account_id: Id
    balance: Balance
    version: int


class Transfer(Representation):
    """A transfer; `balances` shows the caller's own accounts, after it."""

    id: Id
    from_account_id: Id
    to_account_id: Id
    currency: str
    amount: Amount
    description: str | None
    reverses_id: Id | None
    hold_id: Id | None
    balances: list[AccountBalance]
    created_at: Time


class NewBatch(Body):
    """Transfers to be made in this order."""

    atomic: bool = Field(default=True, description="all or nothing; else each on its own")
    # Only the errors of the first wrong item: those of all would be megabytes.
    transfers: list[NewTransfer] = Field(min_length=1, max_length=1000, fail_fast=True)

    model_config = {
        "json_schema_extra": {
            "examples": [{"atomic": True, "transfers": [{"from_account_id": 1, "to_account_id": 2, "amount": 1250}]}]
        }
    }


class Batch(Representation):
    """All transfers of an atomic batch, in its order."""

    items: list[Transfer]


class Made(Representation):
    """A transfer of a batch that was made."""

    status: Literal[201] = 201
    transfer: Transfer


class Refused(Representation):
    """A transfer of a batch that was refused."""

    status: int
    problem: ProblemDetails


class Outcomes(Representation):
    """What became of each transfer of a batch, in its order."""

    items: list[Made | Refused]


NOT_ATOMIC: dict[int | str, dict[str, Any]] = {
    200: {"model": Outcomes, "description": "Not atomic: what became of each"}
}
"""For OpenAPI."""


@router.post(
    "/transfers",
    status_code=201,
    summary="Pay",
    responses=answers(*REFUSALS, *problems.BODY, *problems.WRITES),
    response_model=Transfer,
)
async def create_transfer(new: NewTransfer, caller: Writer, main: Main, key: RequiredKey) -> Response:
    """Move money from an account of yours to any account of the same currency.

    Safe to repeat under the same Idempotency-Key: a repeat gets the first answer again, refusals included.
    """
    order = TransferOrder(ordered_by=caller.user_id, **new.model_dump())
    outcome = await run_keyed(main, partial(ledger.transfer, order=order, key=key), key=key)
    return keyed_answer(outcome, _show, location="/transfers/{id}")


@router.post(
    "/transfers/batch",
    status_code=201,
    summary="Pay many",
    responses=NOT_ATOMIC | answers(*REFUSALS, *problems.BODY, *problems.WRITES),
    response_model=Batch | Outcomes,
)
async def create_batch(new: NewBatch, request: Request, caller: Writer, main: Main, key: RequiredKey) -> Response:
    """Make transfers in the order given, each on the balances that those before it left, under one Idempotency-Key.

    Atomic: all or none; a problem names the `index` of the transfer that was refused first. Not atomic: each on its
    own, with an outcome for each.
    """
    orders = [TransferOrder(ordered_by=caller.user_id, **item.model_dump()) for item in new.transfers]

    def show(results: list[TransferRow | Refusal]) -> Batch | Outcomes:
        items = [_show_result(request, result, caller.user_id) for result in results]
        if new.atomic:
            return Batch(items=[item.transfer for item in items if isinstance(item, Made)])
        return Outcomes(items=items)

    batch = partial(
        ledger.transfer_batch,
        orders=orders,
        atomic=new.atomic,
        key=key,
        to_answer=lambda results: show(results).model_dump(mode="json"),
    )
    return keyed_answer(await run_keyed(main, batch, key=key), show, status=201 if new.atomic else 200)


@router.post(
    "/transfers/{id}/reversal",
    status_code=201,
    summary="Reverse",
    responses=answers(
        "transfer_not_found",
        "not_owner",
        "already_reversed",
        "pays_purchase",
        "idempotency_key_missing",
        "idempotency_key_reused",
        *problems.PAYMENT,
        *problems.BODY,
        *problems.WRITES,
    ),
    response_model=Transfer,
)
async def create_reversal(id: PathId, caller: Writer, main: Main, key: RequiredKey) -> Response:
    """Pay a transfer back to its payer, once, as its recipient or an operator."""
    reverse = partial(ledger.reverse, transfer_id=id, caller=caller, key=key)
    return keyed_answer(await run_keyed(main, reverse, key=key), _show, location="/transfers/{id}")


@router.get(
    "/transfers",
    summary="List transfers",
    responses=answers("account_not_found", *problems.OWN),
    response_model=Page[Transfer],
)
async def list_transfers(
    caller: Member,
    accounts: Accounts,
    transfers: Transfers,
    page: PageOf,
    account_id: Annotated[int | None, Digits, Query(ge=1, le=MAXIMUM, description="from or to this account")] = None,
) -> Response:
    """List transfers from or to your accounts, newest first; operators see everybody's."""
    if account_id is not None:
        visible(await accounts.get(id=account_id), "account", account_id, caller)
    rows = await transfers.list(account_id=account_id, owner_id=caller.reads, page=page.keyset())
    return page.answer(rows, lambda row: _show(ShownTransfer(row, row.accounts_of(caller.user_id))), by_time)


@router.get(
    "/transfers/{id}",
    summary="Read a transfer",
    responses=answers("transfer_not_found", *problems.OWN),
    response_model=Transfer,
)
async def get_transfer(id: PathId, caller: Member, transfers: Transfers) -> Response:
    """Read a transfer from or to an account of yours; operators read everybody's."""
    transfer = visible(next(iter(await transfers.read(ids=[id])), None), "transfer", id, caller)
    return answer(_show(ShownTransfer(transfer, transfer.accounts_of(caller.user_id))))


def _show(shown: ShownTransfer) -> Transfer:
    row = shown.transfer
    balances = [
        AccountBalance(account_id=row.from_account_id, balance=row.from_balance, version=row.from_version),
        AccountBalance(account_id=row.to_account_id, balance=row.to_balance, version=row.to_version),
    ]
    return Transfer(
        id=row.id,
        from_account_id=row.from_account_id,
        to_account_id=row.to_account_id,
        currency=row.currency,
        amount=row.amount,
        description=row.description,
        reverses_id=row.reverses_id,
        hold_id=row.hold_id,
        balances=[balance for balance in balances if balance.account_id in shown.account_ids],
        created_at=row.created_at,
    )


def _show_result(request: Request, result: TransferRow | Refusal, user_id: int) -> Made | Refused:
    if not isinstance(result, Refusal):
        return Made(transfer=_show(ShownTransfer(result, result.accounts_of(user_id))))
    members = result.members()
    problem = details(request.scope, members.pop("code"), members.pop("detail"), members)
    return Refused(status=problem["status"], problem=ProblemDetails(**problem))
