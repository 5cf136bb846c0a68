"""The pattern of the usual tutorial, defects included: it reads, checks and then writes a balance without a lock."""

import os
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import BigInteger, Column, DateTime, String, create_engine, func
from sqlalchemy.orm import Session, declarative_base, sessionmaker

engine = create_engine(
    os.environ["BENCH_DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"),
    pool_size=5,
    max_overflow=10,
    pool_timeout=30,
    pool_recycle=1800,
)
SessionLocal = sessionmaker(autocommit=False, autoflush=False, bind=engine)
Base = declarative_base()
app = FastAPI()


class Account(Base):
    __tablename__ = "accounts"
    id = Column(BigInteger, primary_key=True)
    owner = Column(String)
    currency = Column(String)
    balance = Column(BigInteger)
    created_at = Column(DateTime(timezone=True), server_default=func.now())


class NewTransfer(BaseModel):
    from_account_id: int
    to_account_id: int
    amount: int


def get_db() -> Iterator[Session]:
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()


Db = Annotated[Session, Depends(get_db)]


@app.get("/accounts/{id}")
def get_account(id: int, db: Db) -> dict[str, Any]:
    account = db.query(Account).filter(Account.id == id).first()
    return {
        "id": account.id,
        "owner": account.owner,
        "currency": account.currency,
        "balance": account.balance,
        "created_at": account.created_at,
    }


@app.post("/transfers")
def transfer_funds(new: NewTransfer, db: Db) -> dict[str, Any]:
    try:
        payer = db.query(Account).filter(Account.id == new.from_account_id).first()
        if not payer or payer.balance < new.amount:
            db.rollback()
            return {"error": "Insufficient funds"}
        payer.balance -= new.amount
        payee = db.query(Account).filter(Account.id == new.to_account_id).first()
        if not payee:
            db.rollback()
            return {"error": "Target account not found"}
        payee.balance += new.amount
        db.commit()
    except Exception as error:  # noqa: BLE001 - the tutorial's own pattern
        db.rollback()
        return {"error": str(error)}
    return {"message": "Transfer successful"}
