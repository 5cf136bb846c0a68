"""Users over HTTP: registration, public profiles, and a user's own profile."""

from functools import partial
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.http import problems
from api.http.answers import NO_STORE, accepted, answer, found
from api.http.authentication import Anyone, Member, Writer
from api.http.dependencies import CurrentService, Main, Users
from api.http.etags import UNCHANGED, Match, NoneMatch
from api.http.faults import keep_if_lost
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import answers
from api.http.rate_limits import limit
from api.http.types import Body, Change, Email, Id, PathId, Representation, Time, Username
from repositories import api_keys
from repositories.postgres import unit_of_work
from repositories.sagas import leaving
from repositories.users import UNIQUE, UserRepository

router = APIRouter(tags=["users"], route_class=JsonRoute)


class NewUser(Body):
    """A registration."""

    username: Username
    email: Email


class UserChange(Change):
    """The members to change."""

    username: Username = Field(default_factory=str)
    email: Email = Field(default_factory=str)


class Profile(Representation):
    """The public profile of a user."""

    id: Id
    username: str
    created_at: Time


class User(Profile):
    """The whole profile, for the user and for operators."""

    email: str | None
    role: Literal["member", "operator"]
    version: int


class Registered(User):
    """A new user with their first API key, which is shown only here."""

    api_key: str


@router.post(
    "/users",
    status_code=201,
    summary="Register",
    responses=answers("username_taken", "email_taken", *problems.BODY, *problems.READS),
    response_model=Registered,
)
async def register_user(new: NewUser, request: Request, main: Main, service: CurrentService) -> Response:
    """Register a user and issue their first API key. It is shown only now; an operator can issue another.

    A 503 `outcome_unknown` has an `api_key`, too: it is valid if the registration happened.
    """
    await limit(request, main, kind="registration", most=service.settings.registrations_per_minute)
    secret = api_keys.new_secret()
    keep_if_lost(request.scope, api_key=secret)
    user = await unit_of_work.run(
        main,
        partial(api_keys.register, username=new.username, email=new.email, secret=secret),
        recover=partial(api_keys.find_registered, secret=secret),
        unique=UNIQUE.values(),
    )
    service.callers.remember(api_keys.digest(secret), user.id)
    registered = Registered(**vars(user), api_key=secret)
    location = f"/users/{user.id}"
    return answer(registered, status=201, location=location, tag=user.tag, headers=NO_STORE)


@router.get("/users", summary="List users", responses=answers(*problems.READS), response_model=Page[Profile])
async def list_users(users: Users, page: PageOf) -> Response:
    """List the public profiles of all users, newest first."""
    return await page.answer(await users.list(page=page.keyset()), Profile.model_validate, by_time)


@router.get("/users/me", summary="Read yourself", responses=UNCHANGED | answers(*problems.OWN), response_model=User)
async def get_me(caller: Member, users: Users, known: NoneMatch) -> Response:
    """Read your profile."""
    user = found(await users.get(id=caller.user_id), "user", caller.user_id)
    return known.answer(User.model_validate(user), user.tag)


@router.get(
    "/users/{id}",
    summary="Read a user",
    openapi_extra={"security": [{}]},  # the key is optional here
    responses=UNCHANGED | answers("user_not_found", "unauthorized", *problems.READS),
    response_model=User | Profile,
)
async def get_user(id: PathId, caller: Anyone, users: Users, known: NoneMatch) -> Response:
    """Read a user's public profile; operators, and users themselves, see all of it."""
    user = found(await users.get(id=id), "user", id)
    whole = caller is not None and (caller.operator or caller.user_id == id)
    if whole:
        return known.answer(User.model_validate(user), user.tag)
    return known.answer(Profile.model_validate(user), user.public_tag)


@router.patch(
    "/users/me",
    summary="Change yourself",
    responses=answers(
        "username_taken",
        "email_taken",
        "precondition_required",
        "precondition_failed",
        *problems.BODY,
        *problems.WRITES,
    ),
    response_model=User,
)
async def update_me(
    change: UserChange, request: Request, caller: Writer, main: Main, service: CurrentService, match: Match
) -> Response:
    """Change your username or e-mail address. A new e-mail address counts as a registration from your address."""
    if "email" in change.members():
        # The answer tells if the address is taken, as that of a registration does.
        await limit(request, main, kind="registration", most=service.settings.registrations_per_minute)
    user = accepted(
        await unit_of_work.run(
            main,
            lambda connection: UserRepository(connection).change(
                id=caller.user_id, changes=change.members(), precondition=match
            ),
            unique=[UNIQUE[member] for member in change.members()],
        )
    )
    return answer(User.model_validate(user), tag=user.tag)


@router.delete(
    "/users/me",
    status_code=204,
    summary="Leave",
    responses=answers(
        "purchases_pending", "balance_not_zero", "precondition_required", "precondition_failed", *problems.WRITES
    ),
)
async def delete_me(caller: Writer, main: Main, service: CurrentService, match: Match) -> None:
    """Leave: keys revoked, accounts closed, posts removed, e-mail erased, the username retired; the ledger stays."""
    leave = partial(leaving.leave, user_id=caller.user_id, precondition=match)
    with service.callers.changing(caller.user_id):
        accepted(await unit_of_work.run(main, leave))
    await main.give_back()
    # The request waits as long as its deadline allows; a job repeats this later.
    await service.background.run("clean_up", leaving.clean_up(service.pools, user_id=caller.user_id))
