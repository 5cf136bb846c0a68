"""Accounts over HTTP: a member's own, their statements, and what operators set."""

from dataclasses import replace
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import Field

from api.http import idempotency, problems
from api.http.dependencies import Accounts, Main, Member, Writer, unauthorized
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import Problem, answers
from api.http.types import Balance, Body, Change, Currency, Id, Name, PathId, Representation, Time
from repositories.accounts import Account as AccountRow
from repositories.accounts import AccountRepository
from repositories.api_keys import Caller
from repositories.ledger import transfers as ledger
from repositories.postgres import unit_of_work as units
from repositories.postgres.statements import Connection
from repositories.users import UserRepository

router = APIRouter(tags=["accounts"], route_class=JsonRoute)


Status = Literal["open", "frozen", "closed"]


class NewAccount(Body):
    """An account to be opened."""

    name: Name
    currency: Currency

    model_config = {"json_schema_extra": {"examples": [{"name": "Everyday", "currency": "EUR"}]}}


class AccountChange(Change):
    """What is to be changed; what is left out stays. `owner_id`, `minimum` and freezing are for operators."""

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


@router.post(
    "/accounts",
    status_code=201,
    summary="Open an account",
    responses=answers("idempotency_key_reused", *problems.BODY, *problems.WRITES),
)
async def create_account(
    new: NewAccount, caller: Writer, main: Main, response: Response, key: idempotency.Optional
) -> Account:
    """Open an account of your own, at balance zero."""

    async def make(connection: Connection, _: None) -> Account:
        row = await AccountRepository(connection).insert(owner_id=caller.user_id, name=new.name, currency=new.currency)
        if row is None:
            raise unauthorized("The API key is revoked.")
        return Account.model_validate(row)

    account = await idempotency.once(
        main, response, key=key.key(caller, new), memory=idempotency.AsAnswered("account", Account), make=make
    )
    response.headers["Location"] = f"/accounts/{account.id}"
    return account


@router.get("/accounts", summary="List accounts", responses=answers(*problems.OWN))
async def list_accounts(caller: Member, accounts: Accounts, page: PageOf) -> Page[Account]:
    """List your accounts, newest first; operators see everybody's."""
    rows = await accounts.list(owner_id=caller.reads, before=page.position(), limit=page.rows)
    return page.answer(rows, Account.model_validate, by_time)


@router.get("/accounts/{id}", summary="Read an account", responses=answers("account_not_found", *problems.OWN))
async def get_account(id: PathId, caller: Member, accounts: Accounts) -> Account:
    """Read an account of yours; operators read everybody's."""
    return Account.model_validate(await visible(accounts, id, caller))


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
)
async def update_account(id: PathId, change: AccountChange, caller: Writer, main: Main) -> Account:
    """Rename or close an account of yours; operators set owner and minimum, freeze and unfreeze."""

    async def work(connection: Connection) -> AccountRow:
        asked = change.asked()
        # Users are locked before accounts: a user who is leaving takes no account.
        heir = "owner_id" not in asked or await UserRepository(connection).keep(id=change.owner_id)
        accounts = AccountRepository(connection)
        row = _shown((await ledger.lock(connection, ids=[id])).get(id), id, caller)
        _check_rights(row, asked, caller)
        if not heir:
            raise Problem("user_not_found", "There is no such user to own the account.")
        changed = replace(row, **asked)
        if changed == row:
            return row
        _check_state(row, changed)
        return await accounts.update(
            id=id, name=changed.name, owner_id=changed.owner_id, minimum=changed.minimum, status=changed.status
        )

    return Account.model_validate(await units.run(main, work))


async def visible(accounts: AccountRepository, id: int, caller: Caller) -> AccountRow:
    """Return an account that the caller may see; 404 for what is somebody else's as for what is not there."""
    return _shown(await accounts.get(id=id), id, caller)


def _shown(row: AccountRow | None, id: int, caller: Caller) -> AccountRow:
    if row is None or not (caller.operator or row.owner_id == caller.user_id):
        raise Problem("account_not_found", f"There is no account {id}.")
    return row


def _check_rights(row: AccountRow, asked: dict[str, object], caller: Caller) -> None:
    """Judge who asks: the owner names and closes, an operator sets owner and minimum, freezes and unfreezes."""
    owner_only = "name" in asked or asked.get("status") == "closed"
    operator_only = asked.keys() & {"owner_id", "minimum"} or asked.get("status") in {"open", "frozen"}
    if operator_only and not caller.operator:
        raise Problem("operator_required", "Only an operator sets owner and minimum, freezes and unfreezes.")
    if owner_only and row.owner_id != caller.user_id:
        raise Problem("not_owner", "Only its owner names or closes an account.")


def _check_state(row: AccountRow, changed: AccountRow) -> None:
    """Judge the account: closed is for good, frozen is not closed, and nothing may be left behind or below."""
    if row.status == "closed":
        raise Problem("account_closed", f"Account {row.id} is closed.")
    if changed.status == "closed" and row.status == "frozen":
        raise Problem("account_frozen", f"Account {row.id} is frozen.")
    if changed.status == "closed" and (row.balance or row.held):
        raise Problem("balance_not_zero", f"Account {row.id} is not empty.")
    if changed.minimum is not None and row.available < changed.minimum:
        raise Problem("below_minimum", f"Account {row.id} has {row.available} available.")
