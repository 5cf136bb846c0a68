"""Transfers over HTTP: money moved, many at a time, and back again, once for each Idempotency-Key."""

from functools import partial
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.accounts import visible
from api.http import idempotency, problems
from api.http.dependencies import Accounts, Main, Member, Transfers, Writer
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import Problem, ProblemDetails, answers, details
from api.http.types import Amount, Balance, Body, Currency, Description, Digits, Id, PathId, Representation, Time
from repositories.accounts import MAXIMUM
from repositories.api_keys import Caller
from repositories.idempotency_keys import Kept
from repositories.ledger import transfers as ledger
from repositories.postgres.statements import Connection
from repositories.refusals import Refusal
from repositories.transfers import Order, Receipt, TransferRepository

router = APIRouter(tags=["transfers"], route_class=JsonRoute)

REFUSALS = ("idempotency_key_missing", "idempotency_key_reused", "version_mismatch", *problems.ORDER)


class NewTransfer(Body):
    """A transfer to be made."""

    from_account_id: Id
    to_account_id: Id
    amount: Amount
    currency: Currency | None = Field(default=None, description="refused where the accounts are in another")
    description: Description | None = None
    from_account_version: int | None = Field(
        default=None, ge=0, le=MAXIMUM, description="refused where the paying account is at another"
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
    transfers: list[NewTransfer] = Field(min_length=1, max_length=1000)

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


def _show(receipt: Receipt, account_ids: list[int]) -> Transfer:
    balances = [
        AccountBalance(account_id=receipt.from_account_id, balance=receipt.from_balance, version=receipt.from_version),
        AccountBalance(account_id=receipt.to_account_id, balance=receipt.to_balance, version=receipt.to_version),
    ]
    shown = [balance for balance in balances if balance.account_id in account_ids]
    return Transfer(
        id=receipt.id,
        from_account_id=receipt.from_account_id,
        to_account_id=receipt.to_account_id,
        currency=receipt.currency,
        amount=receipt.amount,
        description=receipt.description,
        reverses_id=receipt.reverses_id,
        hold_id=receipt.hold_id,
        balances=shown,
        created_at=receipt.created_at,
    )


class Receipts:
    """A repeat gets the receipt, which never changes, with the balances that were shown first."""

    kind = "transfer"

    def keep(self, _: Transfer, /) -> None:
        """Keep nothing more: the statement that writes a transfer writes its key."""

    async def recall(self, connection: Connection, kept: Kept, /) -> Transfer:
        """Read the transfer."""
        assert kept.resource_id is not None  # noqa: S101 - a constraint of the table
        [receipt] = await TransferRepository(connection).receipts(ids=[kept.resource_id])
        return _show(receipt, kept.shown_account_ids or [])


RECEIPTS = Receipts()


def _outcome(outcome: Receipt | Refusal, caller: Caller) -> Transfer | Refusal:
    return outcome if isinstance(outcome, Refusal) else _show(outcome, outcome.accounts_of(caller.user_id))


@router.post(
    "/transfers",
    status_code=201,
    summary="Pay",
    responses=answers(
        *REFUSALS,
        *problems.BODY,
        *problems.WRITES,
    ),
)
async def create_transfer(
    new: NewTransfer, caller: Writer, main: Main, response: Response, key: idempotency.Required
) -> Transfer:
    """Move money from an account of yours to any account of the same currency.

    Safe to repeat under the same Idempotency-Key: a repeat gets the first answer again, refusals included.
    """
    order = Order(ordered_by=caller.user_id, **new.model_dump())
    named = key.required(caller, new)

    async def make(connection: Connection, accounts: ledger.Accounts) -> Transfer | Refusal:
        return _outcome(await ledger.transfer(connection, accounts, order=order, key=named), caller)

    lock = partial(ledger.lock, ids=order.account_ids)
    transfer = await idempotency.once(main, response, key=named, memory=RECEIPTS, lock=lock, make=make)
    response.headers["Location"] = f"/transfers/{transfer.id}"
    return transfer


@router.post(
    "/transfers/batch",
    status_code=201,
    summary="Pay many",
    responses=NOT_ATOMIC
    | answers(
        *REFUSALS,
        *problems.BODY,
        *problems.WRITES,
    ),
    response_model=Batch | Outcomes,
)
async def create_batch(
    new: NewBatch, request: Request, caller: Writer, main: Main, response: Response, key: idempotency.Required
) -> Batch | Outcomes:
    """Make transfers in the order given, each on the balances that those before it left, under one Idempotency-Key.

    Atomic: all or none; a problem names the `index` of the transfer that was refused first. Not atomic: each on its
    own, with an outcome for each.
    """
    orders = [Order(ordered_by=caller.user_id, **item.model_dump()) for item in new.transfers]

    def show(outcome: Receipt | Refusal) -> Made | Refused:
        if isinstance(outcome, Receipt):
            return Made(transfer=_show(outcome, outcome.accounts_of(caller.user_id)))
        members = outcome.members()
        problem = details(request.scope, members.pop("code"), members.pop("detail"), members)
        return Refused(status=problem["status"], problem=ProblemDetails(**problem))

    async def make(connection: Connection, accounts: ledger.Accounts) -> Batch | Outcomes | Refusal:
        outcomes = await ledger.batch(connection, accounts, orders=orders, atomic=new.atomic)
        if isinstance(outcomes, Refusal):
            return outcomes
        shown = [show(outcome) for outcome in outcomes]
        if new.atomic:
            return Batch(items=[item.transfer for item in shown if isinstance(item, Made)])
        return Outcomes(items=shown)

    answer: Batch | Outcomes = await idempotency.once(
        main,
        response,
        key=key.required(caller, new),
        memory=idempotency.AsAnswered("batch", Batch if new.atomic else Outcomes),
        lock=partial(ledger.lock, ids=list(chain.from_iterable(order.account_ids for order in orders))),
        make=make,
    )
    response.status_code = 201 if new.atomic else 200
    return answer


@router.post(
    "/transfers/{id}/reversal",
    status_code=201,
    summary="Take back",
    responses=answers(
        "transfer_not_found",
        "not_owner",
        "already_reversed",
        "pays_purchase",
        "idempotency_key_missing",
        "idempotency_key_reused",
        *problems.PAYMENT,
        *problems.WRITES,
    ),
)
async def create_reversal(
    id: PathId, caller: Writer, main: Main, response: Response, key: idempotency.Required
) -> Transfer:
    """Pay a transfer back to whom it came from, once, as its recipient or an operator."""
    named = key.required(caller)

    async def lock(connection: Connection) -> tuple[Receipt, ledger.Accounts]:
        locked = await ledger.lock_original(connection, transfer_id=id)
        if locked is None:
            raise Problem("transfer_not_found", f"There is no transfer {id}.")
        return locked

    async def make(connection: Connection, locked: tuple[Receipt, ledger.Accounts]) -> Transfer | Refusal:
        outcome = await ledger.reverse(
            connection, locked, ordered_by=caller.user_id, operator=caller.operator, key=named
        )
        return _outcome(outcome, caller)

    transfer = await idempotency.once(main, response, key=named, memory=RECEIPTS, lock=lock, make=make)
    response.headers["Location"] = f"/transfers/{transfer.id}"
    return transfer


@router.get("/transfers", summary="List transfers", responses=answers("account_not_found", *problems.OWN))
async def list_transfers(
    caller: Member,
    accounts: Accounts,
    transfers: Transfers,
    page: PageOf,
    account_id: Annotated[int | None, Digits, Query(ge=1, le=MAXIMUM, description="from or to this account")] = None,
) -> Page[Transfer]:
    """List transfers from or to your accounts, newest first; operators see everybody's."""
    if account_id is not None:
        await visible(accounts, account_id, caller)
    rows = await transfers.list(account_id=account_id, owner_id=caller.reads, before=page.position(), limit=page.rows)
    return page.answer(rows, lambda row: _show(row, row.accounts_of(caller.user_id)), by_time)


@router.get("/transfers/{id}", summary="Read a transfer", responses=answers("transfer_not_found", *problems.OWN))
async def get_transfer(id: PathId, caller: Member, transfers: Transfers) -> Transfer:
    """Read a transfer from or to an account of yours; operators read everybody's."""
    receipts = await transfers.receipts(ids=[id])
    own = receipts[0].accounts_of(caller.user_id) if receipts else []
    if not receipts or not (own or caller.operator):
        raise Problem("transfer_not_found", f"There is no transfer {id}.")
    return _show(receipts[0], own)
