"""Routes that parse, validate and answer, and do nothing else."""

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class NewTransfer(BaseModel):
    from_account_id: int
    to_account_id: int
    amount: int


class Transfer(NewTransfer):
    id: int
    currency: str


@app.post("/empty")
async def post_empty(new: NewTransfer) -> Transfer:
    return Transfer(id=1, currency="EUR", **new.model_dump())


@app.get("/empty")
async def get_empty() -> Transfer:
    return Transfer(id=1, from_account_id=1, to_account_id=2, amount=1, currency="EUR")
