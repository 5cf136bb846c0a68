"""Transfers over HTTP: one, a batch, a reversal."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from api.http import problems
from api.http.answers import answer, keyed_answer, keyed_text, visible
from api.http.authentication import Member, Writer
from api.http.dependencies import Accounts, CurrentService, Main, Transfers
from api.http.idempotency import PayerWithKey, RequiredKey
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import ProblemDetails, answers, details
from api.http.types import (
    Amount,
    Balance,
    Body,
    Currency,
    Description,
    Id,
    Metadata,
    OfReference,
    PathId,
    QueryId,
    Reference,
    Representation,
    Time,
)
from api.process.service import service_of
from repositories.accounts import MAXIMUM
from repositories.api_keys import Caller
from repositories.ledger import transfers as ledger
from repositories.ledger.keys import run_keyed
from repositories.ledger.payments import BATCH_LIMIT, Payment
from repositories.postgres.slices import sliced
from repositories.refusals import Refusal
from repositories.transfers import ShownTransfer, TransferOrder
from repositories.transfers import Transfer as TransferRow

router = APIRouter(tags=["transfers"], route_class=JsonRoute)

REFUSALS = ("idempotency_key_missing", "idempotency_key_reused", "version_mismatch", *problems.ORDER)


MAX_SMALL_BATCH = 100
"""Transfers of a batch that waits for no turn."""
BATCH_TURN_SECONDS = 5.0
"""Longest wait of a large batch for its turn; it leaves the batch 4 s of the request's deadline."""


class NewTransfer(Body):
    """A transfer to make."""

    from_account_id: Id
    to_account_id: Id
    amount: Amount
    currency: Currency | None = Field(
        default=None, description="the transfer is refused if the accounts are in another"
    )
    description: Description | None = None
    reference: Reference | None = None
    metadata: Metadata | None = None
    from_account_version: int | None = Field(
        default=None, ge=0, le=MAXIMUM, description="the transfer is refused if the payer is at another version"
    )

    model_config = {
        "json_schema_extra": {
            "examples": [{"from_account_id": 1, "to_account_id": 2, "amount": 1250, "description": "Lunch"}]
        }
    }


class Reversal(Body):
    """The amount of a transfer to reverse; all that is left if none is given."""

    amount: Amount | None = Field(default=None, description="at most what is left; null: all that is left")

    model_config = {"json_schema_extra": {"examples": [{"amount": 500}]}}


ALL_LEFT = Reversal()


class AccountBalance(Representation):
    """The balance and version of an account after a transfer."""

    account_id: Id
    balance: Balance
    version: int


class Transfer(Representation):
    """A transfer; `balances` shows the caller's own accounts after it."""

    id: Id
    from_account_id: Id
    to_account_id: Id
    currency: str
    amount: Amount
    description: str | None
    reference: str | None
    metadata: dict[str, str] | None
    reverses_id: Id | None
    reversed_amount: int = Field(ge=0, le=MAXIMUM, description="what reversals have paid back, in minor units")
    hold_id: Id | None
    purchase_id: Id | None = Field(description="the purchase that it pays or refunds")
    balances: list[AccountBalance]
    created_at: Time


class NewBatch(Body):
    """Transfers to make in this order."""

    atomic: bool = Field(default=True, description="true: all or nothing; false: each on its own")
    # Only the errors of the first wrong item: the errors of all items would be megabytes.
    transfers: list[NewTransfer] = Field(min_length=1, max_length=BATCH_LIMIT, fail_fast=True)

    model_config = {
        "json_schema_extra": {
            "examples": [{"atomic": True, "transfers": [{"from_account_id": 1, "to_account_id": 2, "amount": 1250}]}]
        }
    }


class Batch(Representation):
    """All transfers of an atomic batch, in its order."""

    items: list[Transfer]


class BatchTransfer(Representation):
    """A transfer of a batch."""

    status: Literal[201] = 201
    transfer: Transfer


class BatchRefusal(Representation):
    """The problem of a refused transfer of a batch."""

    status: int
    problem: ProblemDetails


class BatchOutcomes(Representation):
    """The outcome of each transfer of a batch, in its order."""

    items: list[BatchTransfer | BatchRefusal]


NOT_ATOMIC: dict[int | str, dict[str, Any]] = {
    200: {"model": BatchOutcomes, "description": "Not atomic: the outcome of each transfer"}
}
"""For OpenAPI."""


@router.post(
    "/transfers",
    status_code=201,
    summary="Pay",
    responses=answers(*REFUSALS, *problems.BODY, *problems.WRITES),
    response_model=Transfer,
)
async def create_transfer(request: Request, new: NewTransfer, payer: PayerWithKey) -> Response:
    """Move money from an account of yours to any account of the same currency.

    Safe to repeat under the same Idempotency-Key: a repeat gets the first answer again, refusals included.
    """
    order = TransferOrder(ordered_by=payer.caller.user_id, **vars(new))
    outcome = await service_of(request.app).payments.run(Payment(order, payer.key))
    return keyed_answer(outcome, partial(_show, caller=payer.caller), location="/transfers/{id}")


async def batch_turn(request: Request, service: CurrentService) -> AsyncIterator[None]:
    """Let a large batch wait for its turn. It holds no connection meanwhile: this comes before the caller's key."""
    body = await request.json()
    transfers = body.get("transfers") if isinstance(body, dict) else None
    if isinstance(transfers, list) and len(transfers) > MAX_SMALL_BATCH:
        async with service.batches.turn(BATCH_TURN_SECONDS):
            yield
    else:
        yield


@router.post(
    "/transfers/batch",
    status_code=201,
    summary="Pay many",
    dependencies=[Depends(batch_turn, scope="function")],
    responses=NOT_ATOMIC | answers(*REFUSALS, *problems.BODY, *problems.WRITES),
    response_model=Batch | BatchOutcomes,
)
async def create_batch(new: NewBatch, request: Request, caller: Writer, main: Main, key: RequiredKey) -> Response:
    """Make transfers in the order given, under one Idempotency-Key, each on the balances that the earlier ones left.

    Atomic: all or nothing; the problem names the `index` of the first refused transfer. Not atomic: each on its own,
    with its outcome.
    """
    orders = [TransferOrder(ordered_by=caller.user_id, **vars(item)) async for item in sliced(new.transfers)]

    async def to_text(results: list[TransferRow | Refusal]) -> str:
        items = [_result_text(request, result, caller, alone=not new.atomic) async for result in sliced(results)]
        return f'{{"items":[{",".join(items)}]}}'

    batch = partial(
        ledger.transfer_batch,
        orders=orders,
        atomic=new.atomic,
        key=key,
        to_text=to_text,
    )
    return keyed_text(await run_keyed(main, batch, key=key), status=201 if new.atomic else 200)


@router.post(
    "/transfers/{id}/reversal",
    status_code=201,
    summary="Reverse",
    responses=answers(
        "transfer_not_found",
        "not_owner",
        "already_reversed",
        "exceeds_reversible",
        "pays_purchase",
        "idempotency_key_missing",
        "idempotency_key_reused",
        *problems.PAYMENT,
        *problems.BODY,
        *problems.WRITES,
    ),
    response_model=Transfer,
)
async def create_reversal(
    id: PathId, caller: Writer, main: Main, key: RequiredKey, part: Reversal = ALL_LEFT
) -> Response:
    """Pay a transfer to your account back to its payer, or a part of it, until nothing is left.

    Operators reverse any transfer.
    """
    reverse = partial(ledger.reverse, transfer_id=id, amount=part.amount, caller=caller, key=key)
    return keyed_answer(
        await run_keyed(main, reverse, key=key), partial(_show, caller=caller), location="/transfers/{id}"
    )


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
    account_id: Annotated[QueryId | None, Query(description="from or to this account")] = None,
    reference: OfReference = None,
    since: Annotated[Time | None, Query(alias="from", description="the first instant")] = None,
    until: Annotated[Time | None, Query(alias="to", description="the first instant after the span")] = None,
) -> Response:
    """List transfers from or to your accounts, newest first; operators see all."""
    if account_id is not None:
        visible(await accounts.get(id=account_id), "account", account_id, caller)
    if reference is None:
        list_rows = partial(transfers.list, owner_id=caller.reads)
    else:
        list_rows = partial(transfers.list_by_reference, reference=reference, writer_id=caller.reads)
    rows = await list_rows(account_id=account_id, since=since, page=page.keyset().until(until))
    return await page.answer(rows, partial(_show_row, caller=caller), by_time)


@router.get(
    "/transfers/{id}",
    summary="Read a transfer",
    responses=answers("transfer_not_found", *problems.OWN),
    response_model=Transfer,
)
async def get_transfer(id: PathId, caller: Member, transfers: Transfers) -> Response:
    """Read a transfer from or to an account of yours; operators read any."""
    transfer = visible(await transfers.get(id=id), "transfer", id, caller)
    return answer(_show_row(transfer, caller))


def _show_row(row: TransferRow, caller: Caller) -> Transfer:
    return _show(ShownTransfer(row, row.accounts_of(caller.user_id)), caller)


def _show(shown: ShownTransfer, caller: Caller) -> Transfer:
    row = shown.transfer.shown_to(caller)
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
        reference=row.reference,
        metadata=row.metadata,
        reverses_id=row.reverses_id,
        reversed_amount=row.reversed_amount,
        hold_id=row.hold_id,
        purchase_id=row.purchase_id,
        balances=[balance for balance in balances if balance.account_id in shown.account_ids],
        created_at=row.created_at,
    )


def _result_text(request: Request, result: TransferRow | Refusal, caller: Caller, *, alone: bool) -> str:
    """Return the JSON text of one result of a batch; `alone` if each transfer has an outcome of its own."""
    if not isinstance(result, Refusal):
        transfer = _show_row(result, caller)
        return (BatchTransfer(transfer=transfer) if alone else transfer).model_dump_json()
    members = result.members()
    problem = details(request.scope, members.pop("code"), members.pop("detail"), members)
    return BatchRefusal(status=problem["status"], problem=ProblemDetails(**problem)).model_dump_json()
