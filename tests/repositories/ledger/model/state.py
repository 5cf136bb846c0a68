"""The state of the model, and the application that it is compared with."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from tests.harness.world import Connection, Person, World


@dataclass
class Account:
    """An account in the model."""

    id: int
    owner: Person
    minimum: int | None
    balance: int = 0
    held: int = 0
    overdue: int = 0
    """Money of expired holds that no sweep has freed yet; it blocks no payment."""
    version: int = 0
    status: str = "open"


@dataclass(frozen=True)
class Reference:
    """A reference and its writer."""

    text: str
    writer: Person


@dataclass
class Hold:
    id: int
    payer: Account
    payee: Account
    amount: int
    reference: Reference | None
    status: str = "active"


@dataclass
class Transfer:
    id: int
    payer: Account
    payee: Account
    amount: int
    reference: Reference | None
    reversed: int = 0
    pays_purchase: bool = False
    """True for the payment of a purchase and for its refunds."""


@dataclass
class Purchase:
    """A completed purchase; `payment.reversed` is its refunded amount."""

    id: int
    payment: Transfer
    quantity: int
    returned: int = 0


@dataclass
class Running:
    """An application on databases of its own, in an event loop that rules can run coroutines on."""

    run: Callable[[Coroutine[Any, Any, Any]], Any]
    client: httpx.AsyncClient
    world: World
    catalog: Connection
    app: FastAPI
    people: list[Person] = field(default_factory=list)
    """A member and an operator."""
