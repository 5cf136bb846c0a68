"""Users: authors, sellers, buyers and payers."""

import builtins
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from repositories.changes import ChangeRepository, Subject
from repositories.postgres.keyset import Keyset
from repositories.postgres.statements import Connection, statement
from repositories.preconditions import Precondition
from repositories.products import ProductState
from repositories.refusals import USER_LEFT, Refusal

INSERT = statement("main/users/insert")
GET = statement("main/users/get")
GET_BY_USERNAME = statement("main/users/get_by_username")
LIST = statement("main/users/list")
LOCK = statement("main/users/lock")
KEEP = statement("main/users/keep")
UPDATE = statement("main/users/update")
SET_ROLE = statement("main/users/set_role")
DELETE = statement("main/users/delete")
LIST_LEFT = statement("main/users/list_left")
SET_OFF_SALE = statement("main/users/set_off_sale")
LIST_SELLERS = statement("main/users/list_sellers")

UNIQUE = {"username": "users_username_key", "email": "users_email_key"}
"""The unique constraint of each member."""


@dataclass(frozen=True)
class User:
    """A present user. `email` is None for an operator added on the command line."""

    id: int
    username: str
    email: str | None
    role: str
    version: int
    created_at: datetime

    @property
    def tag(self) -> str:
        """Return the ETag of the whole profile."""
        return f"{self.version}"

    @property
    def public_tag(self) -> str:
        """Return the ETag of the public profile."""
        return f"{self.version}-public"


@dataclass(frozen=True)
class SellerState:
    """The seller, the payee account and the key of a product; None for each that does not exist.

    `was_owner` tells if the record of changes names the seller as an owner of the account. `recorded_since` is when the
    record began, or None if it begins with the account.
    """

    product_id: int
    seller_since: datetime | None
    off_sale: bool | None
    currency: str | None
    account_since: datetime | None
    was_owner: bool | None
    recorded_since: datetime | None
    key_kind: str | None


def fold(text: str) -> str:
    """Return the form in which names and addresses are compared: NFKC, case folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


class UserRepository:
    """The users of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, username: str, email: str | None) -> User:
        """Register a user; the constraints users_username_key and users_email_key refuse a taken name or address."""
        return await INSERT.one(
            self._connection,
            User,
            username=username,
            username_key=fold(username),
            email=email,
            email_key=email and fold(email),
        )

    async def get(self, *, id: int) -> User | None:
        """Return the user, or None if there is none or the user has left."""
        return await GET.maybe(self._connection, User, id=id)

    async def get_by_username(self, *, username: str) -> User | None:
        """Return the user with this username, or None."""
        return await GET_BY_USERNAME.maybe(self._connection, User, username_key=fold(username))

    async def list(self, *, page: Keyset) -> list[User]:
        """Return the present users, newest first."""
        return await LIST.all(self._connection, User, **page.arguments())

    async def change(self, *, id: int, changes: dict[str, Any], precondition: Precondition) -> User | Refusal:
        """Change username or e-mail address of a user; the constraints refuse a taken one. Locks the user."""
        user = await self.lock(id=id)
        if user is None:
            return USER_LEFT
        refusal = precondition.refusal(user.tag)
        if refusal is not None:
            return refusal
        changed = replace(user, **changes)
        if changed == user:
            return user
        return await UPDATE.one(
            self._connection,
            User,
            id=id,
            username=changed.username,
            username_key=fold(changed.username),
            email=changed.email,
            email_key=changed.email and fold(changed.email),
        )

    async def lock(self, *, id: int) -> User | None:
        """Lock the user until the unit of work ends. Call it before any account is locked."""
        return await LOCK.maybe(self._connection, User, id=id)

    async def keep(self, *, id: int) -> bool:
        """Keep the user from leaving until the unit of work ends; return False if the user has left.

        Call it before any account is locked.
        """
        return bool(await KEEP.values(self._connection, id=id))

    async def set_role(self, *, id: int, role: str) -> User | None:
        """Make the user an operator or a member, and record it; None if the user has left. Locks the user.

        The command line does so, as the login that migrates: no login that serves may change a role.
        """
        user = await self.lock(id=id)
        if user is None or user.role == role:
            return user
        subject = Subject({"role": user.role}, {"role": role}, user_id=id)
        await ChangeRepository(self._connection).insert("role_changed", [subject], changed_by=None)
        return await SET_ROLE.maybe(self._connection, User, id=id, role=role)

    async def delete(self, *, id: int) -> None:
        """Mark a locked user as left and erase the e-mail address. Keys, accounts and posts are ended separately."""
        await DELETE.run(self._connection, id=id)

    async def list_left(self, *, age: int, limit: int) -> builtins.list[int]:
        """Return the ids of users who left at least `age` seconds ago and may still have products for sale."""
        return await LIST_LEFT.values(self._connection, age=age, limit=limit)

    async def set_off_sale(self, *, ids: Iterable[int]) -> None:
        """Record that the products of users who left are off sale, so that the job skips these users."""
        await SET_OFF_SALE.run(self._connection, ids=list(ids))

    async def list_sellers(self, *, products: Sequence[ProductState]) -> builtins.list[SellerState]:
        """Return the owner and payee of each product, as the main database has them."""
        return await LIST_SELLERS.all(
            self._connection,
            SellerState,
            product_ids=[product.id for product in products],
            seller_ids=[product.seller_id for product in products],
            account_ids=[product.account_id for product in products],
            keys=[product.idempotency_key for product in products],
        )
