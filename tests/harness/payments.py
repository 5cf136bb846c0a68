"""Bodies of requests that move or hold money."""


def order(payer: int, payee: int, amount: int = 100, **more: object) -> dict[str, object]:
    """Return the body of a transfer."""
    return {"from_account_id": payer, "to_account_id": payee, "amount": amount, **more}


def hold_order(payer: int, payee: int, amount: int = 100, **more: object) -> dict[str, object]:
    """Return the body of a hold of 60 seconds."""
    return order(payer, payee, amount, **{"expires_in": 60, **more})
