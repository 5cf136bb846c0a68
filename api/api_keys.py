"""API keys over HTTP: a user's own, and an operator's help for who lost theirs."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import AfterValidator

from api.http import problems
from api.http.dependencies import ApiKeys, Main, Member, OperatorWriter, Users, Writer
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import Problem, answers
from api.http.types import Body, Id, Name, PathId, Representation, Time
from repositories.api_keys import ApiKeyRepository
from repositories.postgres import unit_of_work as units
from repositories.postgres.statements import Connection

router = APIRouter(tags=["API keys"], route_class=JsonRoute)


def _to_come(time: datetime) -> datetime:
    if time <= datetime.now(UTC):
        raise ValueError("must be to come")
    return time


class NewApiKey(Body):
    """A key to be issued."""

    name: Name
    read_only: bool = False
    expires_at: Annotated[Time, AfterValidator(_to_come)] | None = None

    model_config = {"json_schema_extra": {"examples": [{"name": "reporting", "read_only": True}]}}


class ApiKey(Representation):
    """A key without its secret."""

    id: Id
    name: str
    read_only: bool
    expires_at: Time | None
    created_at: Time


class IssuedApiKey(ApiKey):
    """A key with its secret, which is shown only here."""

    api_key: str


@router.post(
    "/users/me/api-keys",
    status_code=201,
    summary="Issue yourself a key",
    responses=answers(*problems.BODY, *problems.WRITES),
)
async def create_my_api_key(new: NewApiKey, caller: Writer, main: Main, response: Response) -> IssuedApiKey:
    """Issue a further key for yourself."""
    return await _issue(main, response, user_id=caller.user_id, new=new, location="/users/me/api-keys/{}")


@router.get("/users/me/api-keys", summary="List your keys", responses=answers(*problems.OWN))
async def list_my_api_keys(caller: Member, keys: ApiKeys, page: PageOf) -> Page[ApiKey]:
    """List your keys that are not revoked, newest first."""
    rows = await keys.list(user_id=caller.user_id, before=page.position(), limit=page.rows)
    return page.answer(rows, ApiKey.model_validate, by_time)


@router.delete(
    "/users/me/api-keys/{id}",
    status_code=204,
    summary="Revoke a key",
    responses=answers("api_key_not_found", *problems.WRITES),
)
async def revoke_my_api_key(id: PathId, caller: Writer, keys: ApiKeys) -> None:
    """Revoke one of your keys, the present one included; in force at once."""
    if not await keys.revoke(user_id=caller.user_id, id=id):
        raise Problem("api_key_not_found", f"You have no API key {id}.")


@router.post(
    "/users/{id}/api-keys",
    status_code=201,
    summary="Issue a user a key",
    responses=answers("operator_required", "user_not_found", *problems.BODY, *problems.WRITES),
)
async def create_api_key(id: PathId, new: NewApiKey, _: OperatorWriter, main: Main, response: Response) -> IssuedApiKey:
    """Issue a key for a user who lost theirs. For operators."""
    return await _issue(main, response, user_id=id, new=new, location=f"/users/{id}/api-keys")


@router.delete(
    "/users/{id}/api-keys",
    status_code=204,
    summary="Revoke all keys of a user",
    responses=answers("operator_required", "user_not_found", *problems.WRITES),
)
async def revoke_api_keys(id: PathId, _: OperatorWriter, users: Users, keys: ApiKeys) -> None:
    """Revoke every key of a user. For operators."""
    if await users.get(id=id) is None:
        raise Problem("user_not_found", "There is no such user.")
    await keys.revoke_all(user_id=id)


async def _issue(main: Main, response: Response, *, user_id: int, new: NewApiKey, location: str) -> IssuedApiKey:
    issued = await units.run(main, partial(_insert, user_id=user_id, new=new))
    response.headers["Location"] = location.format(issued.id)
    return issued


async def _insert(connection: Connection, *, user_id: int, new: NewApiKey) -> IssuedApiKey:
    issued = await ApiKeyRepository(connection).issue(
        user_id=user_id, name=new.name, read_only=new.read_only, expires_at=new.expires_at
    )
    if issued is None:
        raise Problem("user_not_found", "There is no such user.")
    key, secret = issued
    return IssuedApiKey(**vars(key), api_key=secret)
