"""A transfer and an account as a careful user of SQLAlchemy's asyncio ORM would write them, on Folio's tables.

As Folio, it authenticates an API key, locks both accounts in id order, looks for the idempotency key under the locks,
and writes the transfer, two entries, both balances and the key in one transaction.
"""

import hashlib
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ARRAY, BigInteger, DateTime, ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    os.environ["BENCH_DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:"),
    pool_size=4,
    max_overflow=4,
    pool_timeout=30,
)
new_session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    type_annotation_map = {int: BigInteger, datetime: DateTime(timezone=True), list[int]: ARRAY(BigInteger)}


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    role: Mapped[str]


class ApiKey(Base):
    __tablename__ = "api_keys"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    digest: Mapped[bytes]
    revoked_at: Mapped[datetime | None]


class Account(Base):
    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int]
    name: Mapped[str]
    currency: Mapped[str]
    balance: Mapped[int]
    held: Mapped[int]
    minimum: Mapped[int | None]
    status: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime]
    entered_at: Mapped[datetime]


class Transfer(Base):
    __tablename__ = "transfers"
    id: Mapped[int] = mapped_column(primary_key=True)
    from_account_id: Mapped[int]
    to_account_id: Mapped[int]
    amount: Mapped[int]
    description: Mapped[str | None]
    created_by: Mapped[int]
    created_at: Mapped[datetime]


class Entry(Base):
    __tablename__ = "entries"
    account_id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfers.id"))
    amount: Mapped[int]
    balance_after: Mapped[int]
    created_at: Mapped[datetime]


class IdempotencyKey(Base):
    __tablename__ = "idempotency_keys"
    user_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes]
    kind: Mapped[str]
    resource_id: Mapped[int | None]
    shown_account_ids: Mapped[list[int] | None]
    created_at: Mapped[datetime]


class NewTransfer(BaseModel):
    from_account_id: int
    to_account_id: int
    amount: int
    description: str | None = None


class Receipt(BaseModel):
    id: int
    from_account_id: int
    to_account_id: int
    amount: int
    currency: str
    balance: int
    version: int
    created_at: datetime


class ShownAccount(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    owner_id: int
    name: str
    currency: str
    balance: int
    held: int
    minimum: int | None
    status: str
    version: int
    created_at: datetime


async def session() -> AsyncIterator[AsyncSession]:
    async with new_session() as db:
        yield db


Db = Annotated[AsyncSession, Depends(session)]


async def authenticate(db: Db, authorization: Annotated[str, Header()]) -> User:
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).digest()
    valid = select(User).join(ApiKey, ApiKey.user_id == User.id)
    user = await db.scalar(valid.where(ApiKey.digest == digest, ApiKey.revoked_at.is_(None)))
    if user is None:
        raise HTTPException(401)
    return user


Caller = Annotated[User, Depends(authenticate)]


@app.get("/accounts/{id}")
async def get_account(id: int, db: Db, caller: Caller) -> ShownAccount:
    account = await db.get(Account, id)
    if account is None or account.owner_id != caller.id:
        raise HTTPException(404)
    return ShownAccount.model_validate(account)


@app.post("/transfers", status_code=201)
async def create_transfer(
    new: NewTransfer, db: Db, caller: Caller, idempotency_key: Annotated[str, Header()]
) -> Receipt:
    both = select(Account).where(Account.id.in_([new.from_account_id, new.to_account_id])).order_by(Account.id)
    accounts = {account.id: account for account in await db.scalars(both.with_for_update(key_share=True))}
    if await db.get(IdempotencyKey, (caller.id, idempotency_key)) is not None:
        raise HTTPException(409)
    payer, payee = accounts.get(new.from_account_id), accounts.get(new.to_account_id)
    if payer is None or payee is None or payer.owner_id != caller.id:
        raise HTTPException(404)
    if payer.minimum is not None and payer.balance - payer.held - new.amount < payer.minimum:
        raise HTTPException(422)
    # Before its first entry, an account's entered_at is -infinity, which asyncpg returns without a time zone.
    now = max([datetime.now(UTC), *(account.entered_at for account in (payer, payee) if account.version)])
    transfer = Transfer(**new.model_dump(), created_by=caller.id, created_at=now)
    db.add(transfer)
    await db.flush()
    for account, amount in ((payer, -new.amount), (payee, new.amount)):
        account.balance += amount
        account.version += 1
        account.entered_at = now
        db.add(
            Entry(
                account_id=account.id,
                version=account.version,
                transfer_id=transfer.id,
                amount=amount,
                balance_after=account.balance,
                created_at=now,
            )
        )
    db.add(
        IdempotencyKey(
            user_id=caller.id,
            key=idempotency_key,
            request_hash=hashlib.sha256(json.dumps(["POST", "/transfers", new.model_dump()]).encode()).digest(),
            kind="transfer",
            resource_id=transfer.id,
            shown_account_ids=[payer.id],
            created_at=now,
        )
    )
    await db.commit()
    return Receipt(
        **new.model_dump(exclude={"description"}),
        id=transfer.id,
        currency=payer.currency,
        balance=payer.balance,
        version=payer.version,
        created_at=now,
    )
