"""Requests that move or hold money."""

import asyncio

import httpx

from tests.harness.world import Person


def order(payer: int, payee: int, amount: int = 100, **more: object) -> dict[str, object]:
    """Return the body of a transfer."""
    return {"from_account_id": payer, "to_account_id": payee, "amount": amount, **more}


def hold_order(payer: int, payee: int, amount: int = 100, **more: object) -> dict[str, object]:
    """Return the body of a hold of 60 seconds."""
    return order(payer, payee, amount, **{"expires_in": 60, **more})


async def created(client: httpx.AsyncClient, body: dict[str, object], person: Person, key: str | None = None) -> None:
    """Send a transfer until it is answered 201."""
    while (await client.post("/transfers", json=body, headers=person.paying(key))).status_code != 201:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
