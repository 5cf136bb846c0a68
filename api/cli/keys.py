"""Operators and API keys: `folio operator add`, `folio operator remove` and `folio key issue`."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, Any, TypeVar

import psycopg
import typer
from pydantic import TypeAdapter, ValidationError

from api.cli.running import UsageError, main_pool, run
from api.cli.terminal import AsJson, output, put, say, screen
from api.http.types import Email, Username
from api.process import startup
from api.process.settings import Settings
from api.process.startup import StartupError
from repositories.api_keys import FORM, ApiKeyRepository, Caller, digest, new_secret
from repositories.postgres import unit_of_work as units
from repositories.postgres.errors import Defect, Fault, Taken
from repositories.postgres.statements import Connection
from repositories.users import User, UserRepository

Result = TypeVar("Result")

operators = typer.Typer(no_args_is_help=True, help="Manage operators, who read everything and help other users.")
keys = typer.Typer(no_args_is_help=True, help="Manage API keys.")

OPERATOR = "operator"
"""The user that has the key of FOLIO_OPERATOR_KEY_FILE."""

Name = Annotated[str, typer.Argument(help="The username.")]


@operators.command("add")
def add_operator(
    name: Name,
    email: Annotated[str | None, typer.Option(help="E-mail address of a new user.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a user an operator, create the user if there is none, and issue a new key.

    This needs the login that migrates: on servers of your own, set FOLIO_MAIN_DATABASE_URL as for `folio migrate`.
    """
    username = _checked(Username, name)
    address = None if email is None else _checked(Email, email)

    async def work(connection: Connection) -> tuple[User, str]:
        operator = await _promote(connection, username, address)
        return operator, await _issue(connection, operator, "operator", new_secret())

    _show_key(*_as_owner(work), as_json=as_json)


def ensure_operator(settings: Settings) -> User | None:
    """Let the operator `operator` have the key of FOLIO_OPERATOR_KEY_FILE, and return them; None if it is not set.

    Raises UsageError if the file has no key, or one that is revoked or another user's.
    """
    if settings.operator_key_file is None:
        return None
    try:
        secret = settings.operator_key_file.read_text().strip()
    except (OSError, ValueError) as error:
        raise UsageError(f"FOLIO_OPERATOR_KEY_FILE cannot be read: {error}.") from error
    if not FORM.fullmatch(secret):
        raise UsageError("FOLIO_OPERATOR_KEY_FILE has no API key: write folio_ and 43 random letters and digits.")

    async def work(connection: Connection) -> User:
        user = await UserRepository(connection).get_by_username(username=OPERATOR)
        caller = await ApiKeyRepository(connection).authenticate(digest=digest(secret))
        if user is None or caller != Caller(user.id, "operator", read_only=False):
            user = await _promote(connection, OPERATOR, None)
            await _issue(connection, user, "FOLIO_OPERATOR_KEY_FILE", secret)
        return user

    try:
        return run(settings, partial(_in_main, settings, startup.conninfos(settings)["main"], work))
    except Taken as error:
        raise UsageError(
            "The key of FOLIO_OPERATOR_KEY_FILE was revoked, has expired, may only read, or belongs to another user: "
            "write a new one."
        ) from error


@operators.command("remove")
def remove_operator(name: Name, *, as_json: AsJson = False) -> None:
    """Make an operator a member again; the user's keys stay.

    This needs the login that migrates: on servers of your own, set FOLIO_MAIN_DATABASE_URL as for `folio migrate`.
    """

    async def work(connection: Connection) -> User:
        users = UserRepository(connection)
        user = await users.get_by_username(username=name)
        demoted = None if user is None else await users.set_role(id=user.id, role="member")
        if demoted is None:
            raise UsageError(f"There is no user {name}.")
        return demoted

    user = _as_owner(work)
    if as_json:
        put(json.dumps({"id": user.id, "username": user.username, "role": user.role}))
        return
    output.print(f"{user.username} is a {user.role} (user {user.id}).")


@keys.command("issue")
def issue_key(username: Name, *, as_json: AsJson = False) -> None:
    """Issue a new key for a user, for instance in place of a lost one."""

    async def work(connection: Connection) -> tuple[User, str]:
        user = await UserRepository(connection).get_by_username(username=username)
        if user is None:
            raise UsageError(f"There is no user {username}.")
        return user, await _issue(connection, user, "issued by the command line", new_secret())

    _show_key(*_with_main(work, startup.serving), as_json=as_json)


async def _promote(connection: Connection, username: str, email: str | None) -> User:
    users = UserRepository(connection)
    user = await users.get_by_username(username=username)
    if user is None:
        user = await users.insert(username=username, email=email)
    promoted = await users.set_role(id=user.id, role="operator")
    if promoted is None:
        raise UsageError(f"{username} has left.")
    return promoted


async def _issue(connection: Connection, user: User, name: str, secret: str) -> str:
    if await ApiKeyRepository(connection).issue(user_id=user.id, name=name, secret=secret, issued_by=None) is None:
        raise UsageError(f"{user.username} has left.")
    return secret


def _as_owner(work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Run `work` in the main database as the login that migrates: the one that serves can change no role."""
    try:
        return _with_main(work, startup.conninfos)
    except (Fault, Defect) as error:
        if not isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
            raise
        raise StartupError(
            "The login of FOLIO_MAIN_DATABASE_URL may not change roles: set it to the URL that `folio migrate` uses."
        ) from error


def _with_main(
    work: Callable[[Connection], Awaitable[Result]], conninfos: Callable[[Settings], Mapping[str, str]]
) -> Result:
    settings = Settings()
    with startup.servers(settings, say):
        run(settings, partial(startup.require_migrated, settings))
        try:
            return asyncio.run(_in_main(settings, conninfos(settings)["main"], work))
        except Taken as error:
            raise UsageError("The e-mail address or the name is taken.") from error


async def _in_main(settings: Settings, conninfo: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    async with main_pool(settings, conninfo) as pool, pool.checkout() as checkout:
        # Repeatable: if an unconfirmed COMMIT did succeed, the user is found again, and the lost key was never shown.
        return await units.run(checkout, work, repeatable=True)


def _show_key(user: User, secret: str, *, as_json: bool) -> None:
    if as_json:
        put(json.dumps({"id": user.id, "username": user.username, "api_key": secret}))
        return
    screen.print(f"{user.username} ({user.role}, user {user.id}); the key is shown only once:")
    output.print(secret)


def _checked(type_: Any, value: str) -> str:
    try:
        checked: str = TypeAdapter(type_).validate_python(value)
    except ValidationError as error:
        raise UsageError(f"{value!r} {error.errors()[0]['msg'].removeprefix('Value error, ')}.") from None
    return checked
