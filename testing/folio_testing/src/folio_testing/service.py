"""A Folio with empty databases, its users and their accounts."""

import json
import os
import shlex
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

PATIENCE = 120.0
"""Seconds for which a start, an answer or an end is awaited."""


@contextmanager
def running(*arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run `folio` with these arguments and settings until the context ends; the caller's FOLIO_ settings are left out.

    The command is FOLIO_COMMAND, by default `folio`. It is a process, so its packages clash with none of the caller's.
    """
    command = shlex.split(os.environ.get("FOLIO_COMMAND", "folio"))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FOLIO_")}
    process = subprocess.Popen(  # noqa: S603 - the user's own command
        [*command, *arguments], env=inherited | dict(settings or {}), stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


@dataclass(frozen=True)
class User:
    """A user of Folio: their key, and a client that sends it."""

    id: int
    username: str
    api_key: str
    folio: "Folio" = field(repr=False)

    def request(self, method: str, path: str, json: Any = None, *, key: str | None = None) -> httpx.Response:
        """Send a request; POST has an Idempotency-Key, a new one unless `key` is given. No status raises."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if method == "POST":
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        return httpx.request(method, self.folio.url + path, json=json, headers=headers, timeout=PATIENCE)

    def account(self, currency: str = "EUR", *, funds: int = 0) -> int:
        """Open an account with these funds, in the currency's minor unit; return its id."""
        account: int = _made(self.request("POST", "/accounts", {"name": "test", "currency": currency}))["id"]
        if funds:
            self.folio.pay_in(account, currency, funds)
        return account

    def balance(self, account: int) -> int:
        """Return an account's balance."""
        answer: int = _made(self.request("GET", f"/accounts/{account}"))["balance"]
        return answer


@dataclass
class Folio:
    """A running Folio. `databases` are the connection strings of main and catalog, to look at with psql."""

    url: str
    databases: dict[str, str]
    operator: User = field(init=False)
    """The operator: reads everything."""
    _outside: dict[str, int] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def serve(cls) -> Iterator["Folio"]:
        """Run `folio serve --ephemeral` until the context ends. RuntimeError if it does not start."""
        with running("serve", "--ephemeral") as process:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError("`folio serve --ephemeral` ended before it served; its log is above.")
            started = json.loads(line)
            folio = cls(started["url"], started["databases"])
            folio.operator = User(started["id"], started["username"], started["api_key"], folio)
            yield folio

    def user(self, name: str | None = None) -> User:
        """Register a user, with a new name unless one is given."""
        username = name or f"user-{uuid.uuid4().hex[:12]}"
        body = {"username": username, "email": f"{username}@example.com"}
        made = _made(httpx.post(f"{self.url}/users", json=body, timeout=PATIENCE))
        return User(made["id"], username, made["api_key"], self)

    def pay_in(self, account: int, currency: str, amount: int) -> None:
        """Pay money from the outside world into an account."""
        if currency not in self._outside:
            outside = self.operator.account(currency)
            _made(self.operator.request("PATCH", f"/accounts/{outside}", {"minimum": None}))
            self._outside[currency] = outside
        transfer = {"from_account_id": self._outside[currency], "to_account_id": account, "amount": amount}
        _made(self.operator.request("POST", "/transfers", transfer))


def _made(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise RuntimeError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
    made: dict[str, Any] = answer.json()
    return made
