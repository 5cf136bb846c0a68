"""The record of changes over HTTP, for operators."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.http import problems
from api.http.authentication import OnCall
from api.http.dependencies import OperatorMain
from api.http.json_bodies import OperationsRoute
from api.http.pages import Page, PageOf
from api.http.problems import answers
from api.http.types import Id, QueryId, Representation, Time
from repositories.changes import Change as ChangeRow
from repositories.changes import ChangeRepository, Kind

router = APIRouter(prefix="/ops", tags=["operations"], route_class=OperationsRoute)


class Change(Representation):
    """A change of an account, of a user's role, or of a key by someone other than its user."""

    id: Id
    at: Time
    changed_by: Id | None = Field(description="the user; null: the command line, an earlier release or SQL by hand")
    kind: Kind = Field(description="`account_recorded`: the account as it was when the record began")
    account_id: Id | None
    user_id: Id | None = Field(description="the user whose role or key was changed")
    api_key_id: Id | None = Field(description="the key that was issued or revoked")
    before: dict[str, Any] | None = Field(
        description="`owner_id`, `minimum` and `status` of an account, `role` of a user, or `read_only` and "
        "`expires_at` of a key; null if it is new"
    )
    after: dict[str, Any] | None = Field(description="the same members; null if the key was revoked")


OfAccount = Annotated[QueryId | None, Query(description="id of an account; filters by that account")]
OfUser = Annotated[QueryId | None, Query(description="id of a user; filters by changes of that user's role and keys")]


@router.get(
    "/changes",
    summary="List changes",
    responses=answers("operator_required", *problems.OWN),
    response_model=Page[Change],
)
async def list_changes(
    _: OnCall, main: OperatorMain, page: PageOf, account_id: OfAccount = None, user_id: OfUser = None
) -> Response:
    """List changes of accounts' owner, minimum and status, of roles, and of keys by others than their users.

    Newest first. Each change was recorded in the transaction that made it, and no row is ever changed or deleted.
    """
    changes = ChangeRepository(main.connection)
    rows = await changes.list(account_id=account_id, user_id=user_id, page=page.keyset())
    return await page.answer(rows, Change.model_validate, _position)


def _position(change: ChangeRow) -> tuple[str, int]:
    return change.at.isoformat(), change.id
