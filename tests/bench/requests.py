"""Requests with random parts, as templates that both generators render: loads.py in Python, wrk.lua in Lua.

$user and $token are drawn once for each request; every other name is drawn again wherever it occurs.
"""

# ruff: noqa: S311 - load needs no secret randomness
from __future__ import annotations

import random
import re
import secrets
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

USERS = 1000
"""Users 1 to 1,000 own all accounts that pay; the account with id i belongs to user 1 + i % 1000."""


@dataclass(frozen=True)
class Request:
    """A template of an HTTP request."""

    head: str
    """Request line and headers, without Content-Length."""
    body: str = ""
    transfers: int = 1
    """Successes that one request counts as."""
    accounts_per_user: int = 10


class Renderer:
    """Renders a template again and again, with other values each time."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._run, self._numbers = secrets.token_hex(6), count(1)
        self._user = 1
        self._draws: dict[str, Callable[[], object]] = {
            "own": lambda: self._account(self._user),
            "other": lambda: self._account(1 + (self._user - 1 + random.randrange(1, USERS)) % USERS),
            "first": lambda: _first_account(self._user),
            "key": lambda: f"{self._run}-{next(self._numbers)}",
            "token": lambda: f"u{self._user}".rjust(43, "0"),
            "post": lambda: random.randint(1, 2000),
            "product": lambda: random.randint(1, 100),
        }

    def render(self) -> bytes:
        """Return the bytes of the next request."""
        self._user = random.randint(1, USERS)
        body = self._fill(self._request.body)
        return f"{self._fill(self._request.head)}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    def _fill(self, template: str) -> str:
        return re.sub(r"\$(\w+)", lambda match: str(self._draws[match[1]]()), template)

    def _account(self, user: int) -> int:
        return _first_account(user) + USERS * random.randrange(self._request.accounts_per_user)


def _first_account(user: int) -> int:
    return (user - 2) % USERS + 1
