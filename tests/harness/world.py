"""Users and accounts for a test, inserted with raw SQL: a test must not rely on the code that it tests."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

Connection = psycopg.AsyncConnection[TupleRow]


@dataclass(frozen=True)
class Person:
    """A user and their API key."""

    id: int
    username: str
    api_key: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request by this user."""
        return {"Authorization": f"Bearer {self.api_key}"}

    def paying(self, key: str | None = None) -> dict[str, str]:
        """Return the headers of a request that moves money, with a new Idempotency-Key unless `key` is given."""
        return self.headers | {"Idempotency-Key": key or uuid.uuid4().hex}


class World:
    """The main database of a test."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def person(self, username: str, *, role: str = "member", read_only: bool = False) -> Person:
        """Insert a user with an API key."""
        user_id = await self.value(
            "INSERT INTO users (username, username_key, email, email_key, role)"
            " VALUES (%s, lower(%s), %s, lower(%s), %s) RETURNING id",
            username,
            username,
            f"{username}@example.com",
            f"{username}@example.com",
            role,
        )
        secret = f"folio_{secrets.token_urlsafe(32)}"
        await self.connection.execute(
            "INSERT INTO api_keys (user_id, name, digest, read_only) VALUES (%s, 'test', %s, %s)",
            (user_id, hashlib.sha256(secret.encode()).digest(), read_only),
        )
        return Person(user_id, username, secret)

    async def account(
        self, owner: Person, *, currency: str = "EUR", minimum: int | None = 0, status: str = "open"
    ) -> int:
        """Insert an empty account; return its id."""
        return await self.value(
            "INSERT INTO accounts (owner_id, name, currency, minimum, status)"
            " VALUES (%s, 'test', %s, %s, %s) RETURNING id",
            owner.id,
            currency,
            minimum,
            status,
        )

    async def fund(self, account_id: int, amount: int) -> None:
        """Insert a transfer to an account from a new account without minimum, with all that the ledger writes."""
        outside = await self.value(
            "INSERT INTO accounts (owner_id, name, currency, minimum)"
            " SELECT owner_id, 'outside', currency, NULL FROM accounts WHERE id = %s RETURNING id",
            account_id,
        )
        await self.connection.execute(
            """
            WITH made AS (
                INSERT INTO transfers (from_account_id, to_account_id, amount, created_by, created_at)
                SELECT %(from)s, %(to)s, %(amount)s, owner_id, clock_timestamp() FROM accounts WHERE id = %(to)s
                RETURNING id, created_at
            ), leg (account_id, amount) AS (VALUES (%(from)s::bigint, -%(amount)s::bigint), (%(to)s, %(amount)s)),
            entered AS (
                UPDATE accounts SET balance = balance + leg.amount, version = version + 1, entered_at = made.created_at
                FROM leg, made WHERE accounts.id = leg.account_id
                RETURNING accounts.id, leg.amount, balance, version
            )
            INSERT INTO entries (account_id, version, transfer_id, amount, balance_after, created_at)
            SELECT entered.id, entered.version, made.id, entered.amount, entered.balance, made.created_at
            FROM entered, made
            """,
            {"from": outside, "to": account_id, "amount": amount},
        )

    async def value(self, query: str, *parameters: object) -> int:
        """Return the one value of a query."""
        cursor = await self.connection.execute(query, parameters)
        row = await cursor.fetchone()
        assert row is not None
        value: int = row[0]
        return value

    async def balances(self, *account_ids: int) -> list[int]:
        """Return the balances of accounts, in the order of `account_ids`."""
        return [
            await self.value("SELECT balance FROM accounts WHERE id = %s", account_id) for account_id in account_ids
        ]


async def a_product(catalog: Connection, seller: Person, account_id: int, *, price: int = 10, stock: int = 5) -> int:
    """Insert a product with a price in euro cents; return its id."""
    cursor = await catalog.execute(
        "INSERT INTO products (seller_id, account_id, name, description, price, currency, stock)"
        " VALUES (%s, %s, 'Notebook', 'A folio of 96 leaves.', %s, 'EUR', %s) RETURNING id",
        (seller.id, account_id, price, stock),
    )
    row = await cursor.fetchone()
    assert row is not None
    value: int = row[0]
    return value
