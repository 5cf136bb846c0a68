"""Accounts over HTTP: opened, renamed and closed by their owners; frozen, limited and handed over by operators."""

from dataclasses import replace
from functools import partial
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from api.http import problems
from api.http.answers import accepted, answer, found, keyed_answer, visible
from api.http.authentication import Member, Writer
from api.http.dependencies import Accounts, CurrentService, Main
from api.http.idempotency import OptionalKey
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import answers
from api.http.rate_limits import limit_user
from api.http.types import Balance, Body, Change, Currency, Id, Name, PathId, Representation, Time
from repositories.accounts import Account as AccountRow
from repositories.accounts import AccountRepository
from repositories.ledger import accounts as ledger
from repositories.ledger.keys import StoredAnswer, insert_keyed, run_keyed
from repositories.postgres import unit_of_work
from repositories.refusals import quota_reached

router = APIRouter(tags=["accounts"], route_class=JsonRoute)

Status = Literal["open", "frozen", "closed"]

PAYEE_CHECKS_PER_MINUTE = 60
"""Payee checks of one user: enough for people who pay, and too few to list all accounts with their owners."""


class NewAccount(Body):
    """An account to open."""

    name: Name
    currency: Currency

    model_config = {"json_schema_extra": {"examples": [{"name": "Everyday", "currency": "EUR"}]}}


class AccountChange(Change):
    """The members to change. `owner_id`, `minimum` and freezing are for operators."""

    name: Name = Field(default_factory=str, description="for the owner")
    status: Status = Field(default_factory=lambda: "open", description="`closed`, for good, is for the owner")
    owner_id: Id = Field(default_factory=int, description="for operators")
    minimum: Balance | None = Field(default_factory=int, description="null: unlimited; for operators")

    model_config = {"json_schema_extra": {"examples": [{"name": "Savings"}]}}


class Account(Representation):
    """An account; amounts in minor units."""

    id: Id
    owner_id: Id
    name: str
    currency: str
    balance: Balance
    held: Balance
    available: Balance
    minimum: Balance | None
    status: Status
    version: int = Field(description="counts entries")
    created_at: Time


class Payee(Representation):
    """An account as any user may see it before paying to it."""

    account_id: Id
    username: str | None = Field(description="of the owner; null once the owner has left")
    currency: str
    accepts_payments: bool = Field(description="false if the account is frozen or closed")


@router.post(
    "/accounts",
    status_code=201,
    summary="Open an account",
    responses=answers("quota_reached", "idempotency_key_reused", *problems.BODY, *problems.WRITES),
    response_model=Account,
)
async def create_account(
    new: NewAccount, caller: Writer, main: Main, key: OptionalKey, service: CurrentService
) -> Response:
    """Open an account of your own, at balance zero."""
    quota = service.settings.accounts_per_user
    open_account = partial(
        insert_keyed,
        user_id=caller.user_id,
        key=key,
        kind="account",
        insert=lambda connection: AccountRepository(connection).insert(
            owner_id=caller.user_id, quota=quota, **new.model_dump()
        ),
        no_room=quota_reached("accounts", quota),
        to_answer=_to_answer,
    )
    outcome = await run_keyed(main, open_account, key=key)
    if isinstance(outcome.result, StoredAnswer):
        outcome = replace(outcome, result=StoredAnswer(outcome.result.body | {"name": new.name}))
    return keyed_answer(outcome, Account.model_validate, location="/accounts/{id}")


@router.get("/accounts", summary="List accounts", responses=answers(*problems.OWN), response_model=Page[Account])
async def list_accounts(caller: Member, accounts: Accounts, page: PageOf) -> Response:
    """List your accounts, newest first; operators see all."""
    rows = await accounts.list(owner_id=caller.reads, page=page.keyset())
    return await page.answer(rows, Account.model_validate, by_time)


@router.get(
    "/accounts/{id}",
    summary="Read an account",
    responses=answers("account_not_found", *problems.OWN),
    response_model=Account,
)
async def get_account(id: PathId, caller: Member, accounts: Accounts) -> Response:
    """Read an account of yours; operators read any."""
    return answer(Account.model_validate(visible(await accounts.get(id=id), "account", id, caller)))


@router.get(
    "/accounts/{id}/payee",
    summary="Check a payee",
    responses=answers("account_not_found", *problems.OWN),
    response_model=Payee,
)
async def get_payee(id: PathId, caller: Member, main: Main) -> Response:
    """Read the owner's username and the currency of any account before you pay to it; 60 times a minute at most."""
    await limit_user(caller, main, kind="payee", most=PAYEE_CHECKS_PER_MINUTE)
    payee = found(await AccountRepository(main.connection).get_payee(id=id), "account", id)
    return answer(Payee.model_validate(payee))


@router.patch(
    "/accounts/{id}",
    summary="Change an account",
    responses=answers(
        "account_not_found",
        "user_not_found",
        "not_owner",
        "operator_required",
        "account_frozen",
        "account_closed",
        "balance_not_zero",
        "below_minimum",
        *problems.BODY,
        *problems.WRITES,
    ),
    response_model=Account,
)
async def update_account(id: PathId, change: AccountChange, caller: Writer, main: Main) -> Response:
    """Rename or close an account of yours; operators set owner and minimum, freeze and unfreeze."""
    apply = partial(ledger.change, id=id, changes=change.members(), caller=caller)
    return answer(Account.model_validate(accepted(await unit_of_work.run(main, apply))))


def _to_answer(row: AccountRow) -> dict[str, Any]:
    """Store no name, which the same request has again: after its owner has left, none is kept."""
    return Account.model_validate(row).model_dump(mode="json") | {"name": None}
