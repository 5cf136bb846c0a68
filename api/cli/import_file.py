"""The file that `folio import` reads: RFC 4180, UTF-8, a header line, one transfer a line, in constant memory."""

import csv
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, StringConstraints, ValidationError

from api.http.types import Amount, Body, Currency, Description, Digits, QueryId, Reference, Time, no_nul
from repositories.idempotency_keys import Key
from repositories.ledger.payments import Payment
from repositories.transfers import TransferOrder

REQUIRED = ("from_account_id", "to_account_id", "amount", "key")


class Line(Body):
    """A transfer of another system, by the columns of the file."""

    from_account_id: QueryId
    to_account_id: QueryId
    amount: Annotated[Amount, Digits]
    key: Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(no_nul)]
    currency: Currency | None = None
    description: Description | None = None
    reference: Reference | None = None
    occurred_at: Time | None = None

    def payment(self, user_id: int) -> Payment:
        """Return the transfer as a user orders it, under the line's key; the hash is that of the line's values."""
        content = self.model_dump(mode="json")
        digest = hashlib.sha256(json.dumps(["IMPORT", content], sort_keys=True).encode()).digest()
        order = TransferOrder(
            ordered_by=user_id,
            from_account_id=self.from_account_id,
            to_account_id=self.to_account_id,
            amount=self.amount,
            currency=self.currency,
            description=self.description,
            reference=self.reference,
            metadata=None if self.occurred_at is None else {"occurred_at": content["occurred_at"]},
            consented=True,
        )
        return Payment(order, Key(user_id, self.key, digest, request_id=""))


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be imported, with the reason."""

    number: int
    detail: str


def read(path: Path) -> Iterator[tuple[int, Line] | BadLine]:
    """Yield each line with its number, which starts at 1 with the header, or the reason why it is none.

    After a bad header, or text that is no CSV or no UTF-8, nothing more is read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        number = 1
        try:
            header = next(rows, [])
            if (fault := _judge_header(header)) is not None:
                yield BadLine(1, fault)
                return
            number = rows.line_num + 1
            for row in rows:
                yield _parse(number, header, row)
                number = rows.line_num + 1
        except csv.Error as error:
            yield BadLine(number, f"This is no CSV: {error}.")
        except UnicodeDecodeError as error:
            yield BadLine(number, f"From here on, the file is not UTF-8: {error.reason}.")


def _judge_header(header: list[str]) -> str | None:
    if not header:
        return "The file has no header line."
    for name in header:
        if name not in Line.model_fields:
            return f"There is no column {name!r}; columns are {', '.join(Line.model_fields)}."
        if header.count(name) > 1:
            return f"The column {name} stands twice."
    missing = [name for name in REQUIRED if name not in header]
    return f"The column {missing[0]} is missing." if missing else None


def _parse(number: int, header: list[str], row: list[str]) -> tuple[int, Line] | BadLine:
    if len(row) != len(header):
        return BadLine(number, f"The line has {len(row)} fields, the header {len(header)}.")
    try:
        return number, Line.model_validate({name: value for name, value in zip(header, row, strict=True) if value})
    except ValidationError as error:
        return BadLine(number, "; ".join(_complaint(fault) for fault in error.errors()) + ".")


def _complaint(fault: Mapping[str, object]) -> str:
    location = fault["loc"]
    name = location[0] if isinstance(location, tuple) else location
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{name}: {message[0].lower()}{message[1:]}"


class SeenKeys:
    """The keys of a file, each with its line, in a temporary file: they may be more than memory holds."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute("CREATE TABLE seen (key text PRIMARY KEY, line integer) WITHOUT ROWID")

    def add(self, key: str, number: int) -> int | None:
        """Add a key; return the earlier line that has it, or None."""
        inserted = self._database.execute("INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING", (key, number))
        if inserted.rowcount:
            return None
        row: tuple[int] = self._database.execute("SELECT line FROM seen WHERE key = ?", (key,)).fetchone()
        return row[0]

    def close(self) -> None:
        """Remove the temporary file."""
        self._database.close()


def judge_accounts(lines: Iterable[tuple[int, Line]], currencies: Mapping[int, str]) -> Iterator[BadLine]:
    """Yield the lines whose accounts do not exist or have different currencies."""
    for number, line in lines:
        accounts = (line.from_account_id, line.to_account_id)
        missing = [account for account in accounts if account not in currencies]
        if missing:
            yield BadLine(number, f"There is no account {missing[0]}.")
        elif line.from_account_id == line.to_account_id:
            yield BadLine(number, "The two accounts are the same.")
        elif len({currencies[account] for account in accounts} | {line.currency or currencies[accounts[0]]}) > 1:
            yield BadLine(
                number, "The currencies differ: " + ", ".join(currencies[account] for account in accounts) + "."
            )
