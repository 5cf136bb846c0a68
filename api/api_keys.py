"""API keys over HTTP: a user's own, and those that an operator issues or revokes for another user."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, Field

from api.http import problems
from api.http.answers import NO_STORE, accepted, answer, found
from api.http.authentication import KeyLookedUp, Member, OperatorWriter, Writer
from api.http.dependencies import ApiKeys, CurrentService, Main, Users
from api.http.faults import keep_if_lost
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import answers, invalid
from api.http.types import Body, Id, Name, PathId, Representation, Time
from api.process.service import Service
from repositories.api_keys import ApiKey as ApiKeyRow
from repositories.api_keys import ApiKeyRepository, Caller, digest, new_secret
from repositories.postgres import unit_of_work
from repositories.postgres.pools import Checkout
from repositories.postgres.statements import Connection
from repositories.refusals import Refusal, quota_reached
from repositories.users import UserRepository

router = APIRouter(tags=["API keys"], route_class=JsonRoute)


def _in_the_future(time: datetime) -> datetime:
    if time <= datetime.now(UTC):
        raise ValueError("must be in the future")
    return time


class NewApiKey(Body):
    """A key to issue."""

    name: Name
    read_only: bool = False
    expires_at: Annotated[Time, AfterValidator(_in_the_future)] | None = None

    model_config = {"json_schema_extra": {"examples": [{"name": "reporting", "read_only": True}]}}


class ApiKey(Representation):
    """A key without its secret."""

    id: Id
    name: str
    read_only: bool
    expires_at: Time | None
    created_at: Time
    issued_by: Id | None = Field(
        description="the user who issued the key, you or an operator; null: the command line, or an earlier release"
    )


class IssuedApiKey(ApiKey):
    """A key with its secret, which is shown only here."""

    api_key: str


@router.post(
    "/users/me/api-keys",
    status_code=201,
    summary="Issue yourself a key",
    responses=answers("quota_reached", *problems.BODY, *problems.WRITES),
    response_model=IssuedApiKey,
)
async def create_my_api_key(
    _: KeyLookedUp, new: NewApiKey, request: Request, caller: Writer, main: Main, service: CurrentService
) -> Response:
    """Issue a further key for yourself. It expires no later than the key of this request, and by default with it.

    A 503 `outcome_unknown` has an `api_key`, too: it is valid if it was issued.
    """
    location = "/users/me/api-keys/{}"
    return await _issue(request, service, main, caller, user_id=caller.user_id, new=new, location=location)


@router.get(
    "/users/me/api-keys", summary="List your keys", responses=answers(*problems.OWN), response_model=Page[ApiKey]
)
async def list_my_api_keys(caller: Member, keys: ApiKeys, page: PageOf) -> Response:
    """List your keys that are not revoked, newest first."""
    rows = await keys.list(user_id=caller.user_id, page=page.keyset())
    return await page.answer(rows, ApiKey.model_validate, by_time)


@router.delete(
    "/users/me/api-keys/{id}",
    status_code=204,
    summary="Revoke a key",
    responses=answers("api_key_not_found", *problems.WRITES),
)
async def revoke_my_api_key(id: PathId, caller: Writer, main: Main, service: CurrentService) -> None:
    """Revoke one of your keys, also the one of this request. Every process refuses it within seconds."""
    with service.callers.changing(caller.user_id):
        revoked = await unit_of_work.run(
            main, lambda connection: ApiKeyRepository(connection).revoke(user_id=caller.user_id, id=id)
        )
    found(revoked, "api_key", id)


@router.post(
    "/users/{id}/api-keys",
    status_code=201,
    summary="Issue a user a key",
    responses=answers("operator_required", "user_not_found", "quota_reached", *problems.BODY, *problems.WRITES),
    response_model=IssuedApiKey,
)
async def create_api_key(
    _: KeyLookedUp,
    id: PathId,
    new: NewApiKey,
    request: Request,
    caller: OperatorWriter,
    main: Main,
    service: CurrentService,
) -> Response:
    """Issue a key for another user, for example after a loss. For operators; `/ops/changes` shows it."""
    # An operator revokes all keys of a user at once: a single one has no path.
    return await _issue(request, service, main, caller, user_id=id, new=new, location=f"/users/{id}/api-keys")


@router.delete(
    "/users/{id}/api-keys",
    status_code=204,
    summary="Revoke all keys of a user",
    responses=answers("operator_required", "user_not_found", *problems.WRITES),
)
async def revoke_api_keys(
    id: PathId, caller: OperatorWriter, users: Users, main: Main, service: CurrentService
) -> None:
    """Revoke every key of a user. For operators; `/ops/changes` shows it. Every process refuses them within seconds."""
    found(await users.get(id=id), "user", id)
    with service.callers.changing(id):
        await unit_of_work.run(
            main,
            lambda connection: ApiKeyRepository(connection).revoke_all(user_id=id, revoked_by=caller.user_id),
            repeatable=True,
        )


async def _issue(
    request: Request,
    service: Service,
    main: Checkout,
    caller: Caller,
    *,
    user_id: int,
    new: NewApiKey,
    location: str,
) -> Response:
    expires_at = _expiry(new, caller) if user_id == caller.user_id else new.expires_at
    members, quota = new.model_dump() | {"expires_at": expires_at}, service.settings.keys_per_user
    secret = new_secret()
    keep_if_lost(request.scope, api_key=secret)

    async def issue(connection: Connection) -> ApiKeyRow | Refusal | None:
        issued = await ApiKeyRepository(connection).issue(
            user_id=user_id, secret=secret, issued_by=caller.user_id, quota=quota, **members
        )
        if issued is None and await UserRepository(connection).keep(id=user_id):
            return quota_reached("API keys", quota)
        return issued

    async def recover(connection: Connection) -> ApiKeyRow | Refusal | None:
        return await ApiKeyRepository(connection).find(secret=secret)

    issued = await unit_of_work.run(main, issue, recover=recover)
    key = found(accepted(issued), "user", user_id)
    service.callers.remember(digest(secret), user_id)
    shown = IssuedApiKey(**vars(key), api_key=secret)
    return answer(shown, status=201, location=location.format(key.id), headers=NO_STORE)


def _expiry(new: NewApiKey, caller: Caller) -> datetime | None:
    """Return the expiry of a new key: at most that of the key which makes it, so that a stolen key gains no time."""
    if caller.expires_at is None or new.expires_at is None:
        return new.expires_at or caller.expires_at
    if new.expires_at > caller.expires_at:
        raise invalid(
            ("body", "expires_at"), "must not be after the expiry of the key that you use", "expires_too_late"
        )
    return new.expires_at
