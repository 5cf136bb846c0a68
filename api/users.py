"""Users over HTTP: registration, public profiles, and what a user may do to themselves."""

from dataclasses import replace
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.http import problems
from api.http.dependencies import Anyone, AppSettings, Databases, InBackground, Main, Member, Users, Writer, limit
from api.http.etags import UNCHANGED, Match, NoneMatch, etag
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import Problem, answers
from api.http.types import Body, Change, Email, Id, PathId, Representation, Time, Username, fold
from repositories.accounts import AccountRepository
from repositories.api_keys import ApiKeyRepository
from repositories.ledger import transfers as ledger
from repositories.postgres import unit_of_work as units
from repositories.postgres.statements import Connection
from repositories.posts import PostRepository
from repositories.purchases import PurchaseRepository
from repositories.sagas import leaving
from repositories.users import User as UserRow
from repositories.users import UserRepository

router = APIRouter(tags=["users"], route_class=JsonRoute)


class NewUser(Body):
    """A registration."""

    username: Username
    email: Email


class UserChange(Change):
    """What a user changes of themselves; what is left out stays."""

    username: Username = Field(default_factory=str)
    email: Email = Field(default_factory=str)


class Profile(Representation):
    """What everybody may know of a user."""

    id: Id
    username: str
    created_at: Time


class User(Profile):
    """What users know of themselves, and operators of everybody."""

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
    responses=answers("username_taken", "email_taken", "too_many_requests", *problems.BODY, *problems.READS),
)
async def register_user(
    new: NewUser, request: Request, response: Response, main: Main, settings: AppSettings
) -> Registered:
    """Register a user and issue their first API key. It cannot be had again; an operator can issue another."""
    await limit(request, main, kind="registration", most=settings.registrations_per_minute)

    async def work(connection: Connection) -> Registered:
        user = await register(connection, username=new.username, email=new.email)
        issued = await ApiKeyRepository(connection).issue(user_id=user.id, name="first")
        assert issued is not None  # noqa: S101 - the user was made by this unit of work
        return Registered(**vars(user), api_key=issued[1])

    registered = await units.run(main, work)
    response.headers["Location"] = f"/users/{registered.id}"
    response.headers["ETag"] = etag(registered.version)
    return registered


async def register(connection: Connection, *, username: str, email: str | None) -> UserRow:
    """Insert a user, in the caller's unit of work; the constraints refuse what is taken."""
    return await UserRepository(connection).insert(
        username=username, username_key=fold(username), email=email, email_key=None if email is None else fold(email)
    )


@router.get("/users", summary="List users", responses=answers(*problems.READS))
async def list_users(users: Users, page: PageOf) -> Page[Profile]:
    """List the public profiles of all users, newest first."""
    rows = await users.list(before=page.position(), limit=page.rows)
    return page.answer(rows, Profile.model_validate, by_time)


@router.get("/users/me", summary="Read yourself", responses=UNCHANGED | answers(*problems.OWN), response_model=User)
async def get_me(caller: Member, users: Users, response: Response, have: NoneMatch) -> User | Response:
    """Read what Folio knows of you."""
    user = _found(await users.get(id=caller.user_id))
    response.headers["ETag"] = etag(user.version)
    return have.unchanged(user.version, response) or User.model_validate(user)


@router.get(
    "/users/{id}",
    summary="Read a user",
    openapi_extra={"security": [{}]},  # the key is optional here
    responses=UNCHANGED | answers("user_not_found", "unauthorized", "too_many_requests", *problems.READS),
    response_model=User | Profile,
)
async def get_user(
    id: PathId, caller: Anyone, users: Users, response: Response, have: NoneMatch
) -> User | Profile | Response:
    """Read a user's public profile; operators, and users themselves, see all of it."""
    user = _found(await users.get(id=id))
    response.headers["ETag"] = etag(user.version)
    response.headers["Vary"] = "Authorization"
    whole = caller is not None and (caller.operator or caller.user_id == id)
    return have.unchanged(user.version, response) or (User if whole else Profile).model_validate(user)


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
)
async def update_me(change: UserChange, caller: Writer, main: Main, response: Response, match: Match) -> User:
    """Change your username or e-mail address."""

    async def work(connection: Connection) -> UserRow:
        users = UserRepository(connection)
        user = _found(await users.lock(id=caller.user_id))
        match.check(user.version)
        changed = replace(user, **change.asked())
        if changed == user:
            return user
        return await users.update(
            id=user.id,
            username=changed.username,
            username_key=fold(changed.username),
            email=changed.email,
            email_key=changed.email and fold(changed.email),
        )

    user = await units.run(main, work)
    response.headers["ETag"] = etag(user.version)
    return User.model_validate(user)


@router.delete(
    "/users/me",
    status_code=204,
    summary="Leave",
    responses=answers(
        "purchases_pending", "balance_not_zero", "precondition_required", "precondition_failed", *problems.WRITES
    ),
)
async def delete_me(caller: Writer, main: Main, databases: Databases, background: InBackground, match: Match) -> None:
    """Leave: keys revoked, accounts closed, posts removed, e-mail erased, the username retired; the ledger stays."""

    async def work(connection: Connection) -> None:
        users = UserRepository(connection)
        user = _found(await users.lock(id=caller.user_id))
        match.check(user.version)
        owned = await ledger.lock_owned(connection, owner_id=user.id)
        if await PurchaseRepository(connection).unfinished_of(user_id=user.id):
            raise Problem("purchases_pending", "Something that you buy or sell is not at its end yet.")
        if any(account.balance or account.held for account in owned.values()):
            raise Problem("balance_not_zero", "Empty your accounts first.")
        await AccountRepository(connection).close_owned(owner_id=user.id)
        await PostRepository(connection).delete_by_author(author_id=user.id)
        await ApiKeyRepository(connection).revoke_all(user_id=user.id)
        await users.delete(id=user.id)

    await units.run(main, work)
    await main.give_back()
    # At once where that can be; a worker sees to it once more.
    await background.run("take_off_sale", leaving.take_off_sale(databases, seller_ids=[caller.user_id]))


def _found(user: UserRow | None) -> UserRow:
    if user is None:
        raise Problem("user_not_found", "There is no such user.")
    return user
