"""The types of bodies, parameters and representations."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import email_validator
import iso4217
from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

from api.http.invisible import invisible, visible
from repositories.accounts import MAXIMUM
from repositories.metadata import MAX_BYTES, as_json

_DIGITS = re.compile(r"[0-9]{1,16}")
_TIME = re.compile(
    r"(?P<seconds>[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
    r"(?:\.(?P<fraction>[0-9]{1,9}))?"
    r"(?P<offset>[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
"""RFC 3339, without leap seconds and with at most nine digits after the point."""
_NAME = re.compile(r"(?:LM*|9){1,40}")
"""Usernames, by the kinds of their characters: see `_name_kind`."""
_MAX_NAME = 160
"""Most characters of a username: 40 letters with three marks each."""
_CURRENCIES = frozenset(currency.code for currency in iso4217.Currency)


class Body(BaseModel):
    """A request's body: unknown members are refused, and no value is coerced to another type."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Change(Body):
    """The body of a PATCH: a missing member stays as it is; null is a value, which most members refuse.

    Give each member a default_factory: a default would appear in the OpenAPI document, and clients would send it.
    """

    def members(self) -> dict[str, Any]:
        """Return the members that the request sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Representation(BaseModel):
    """An answer's body, built from a repository's row."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def _digits(value: object) -> object:
    """Refuse anything but digits as a number in a URL: int() would accept 1_000, +5 and spaces."""
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("must contain only digits")
    return int(value) if isinstance(value, str) else value


def _instant(value: object) -> object:
    """Parse a time. Rounds up to the microsecond: no time that the database keeps lies between, so that bounds hold."""
    return _parsed(value, up=True)


def _past_instant(value: object) -> object:
    """Parse a time. Rounds down to the microsecond: an entry of the next one is later than the time."""
    return _parsed(value, up=False)


def _parsed(value: object, *, up: bool) -> object:
    if isinstance(value, datetime):
        return value
    time = _TIME.fullmatch(value) if isinstance(value, str) else None
    if time is None:
        raise ValueError("must be an RFC 3339 time, such as 2026-01-31T12:00:00Z")
    nanoseconds = int((time["fraction"] or "").ljust(9, "0"))
    microseconds = -(-nanoseconds // 1000) if up else nanoseconds // 1000
    try:
        whole = datetime.fromisoformat(time["seconds"].upper() + time["offset"].upper())
        return (whole + timedelta(microseconds=microseconds)).astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time between the years 1 and 9999") from None


def _show(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def no_nul(text: str) -> str:
    """Refuse NUL, which PostgreSQL's text type cannot store."""
    if "\0" in text:
        raise ValueError("must not contain NUL")
    return text


def _small(metadata: dict[str, str]) -> dict[str, str]:
    if len((as_json(metadata) or "").encode()) > MAX_BYTES:
        raise ValueError(f"must be at most {MAX_BYTES} bytes of JSON")
    return metadata


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("must not contain control characters")
    if not visible(text):
        raise ValueError("must contain something visible")
    return text


def _username(name: str) -> str:
    normal = unicodedata.normalize("NFKC", name)
    if any(map(invisible, name + normal)):
        raise ValueError("must not contain invisible characters")
    if len(normal) > _MAX_NAME or not _NAME.fullmatch("".join(map(_name_kind, normal))):
        raise ValueError("must be 1 to 40 letters with their combining marks, digits, '.', '_' or '-'")
    return normal


def _name_kind(character: str) -> str:
    """Return L for a letter, M for a mark that combines with one, 9 for other parts of names, and a blank otherwise."""
    category = unicodedata.category(character)
    if category in {"Mn", "Mc"}:
        return "M"
    return "L" if category[0] == "L" else "9" if category[0] == "N" or character in "._-" else " "


def _email(address: str) -> str:
    try:
        return email_validator.validate_email(
            address, check_deliverability=False, globally_deliverable=False
        ).normalized
    except email_validator.EmailNotValidError as error:
        raise ValueError(str(error)) from None


def _currency(code: str) -> str:
    if code not in _CURRENCIES:
        raise ValueError("must be an ISO 4217 currency code, such as EUR")
    return code


def milliseconds(seconds: float) -> float:
    """Convert seconds to milliseconds with one decimal, as in answers and log lines."""
    return round(seconds * 1000, 1)


Id = Annotated[int, Field(ge=1, le=MAXIMUM, examples=[1])]
Amount = Annotated[int, Field(ge=1, le=MAXIMUM, description="in minor units of the currency", examples=[1250])]
Balance = Annotated[int, Field(ge=-MAXIMUM, le=MAXIMUM, description="in minor units of the currency")]
Digits = BeforeValidator(_digits)
"""For numbers in a URL. Stands after their bounds: otherwise OpenAPI gets `ge` in place of `minimum`."""
PathId = Annotated[int, Field(ge=1, le=MAXIMUM), Digits, Path(description="the id in the path", examples=[1])]
QueryId = Annotated[int, Field(ge=1, le=MAXIMUM), Digits]
OfUser = Annotated[QueryId | None, Query(description="id of a user; filters by that user")]
Words = Annotated[
    str | None,
    Query(min_length=1, max_length=200, description="search words; quotes, `or` and `-` work as in a search engine"),
    AfterValidator(lambda words: words and no_nul(words)),
]
_TIME_FIELD = Field(strict=False, examples=["2026-01-31T12:00:00.000000Z"], json_schema_extra={"format": "date-time"})
Time = Annotated[datetime, BeforeValidator(_instant), PlainSerializer(_show, when_used="json"), _TIME_FIELD]
PastTime = Annotated[datetime, BeforeValidator(_past_instant), PlainSerializer(_show, when_used="json"), _TIME_FIELD]
"""A time up to which something is read, that time included."""
Username = Annotated[str, Field(max_length=_MAX_NAME, examples=["ada"]), AfterValidator(_username)]
Email = Annotated[str, Field(max_length=254, examples=["ada@example.com"]), AfterValidator(_email)]
Currency = Annotated[str, Field(min_length=3, max_length=3, examples=["EUR"]), AfterValidator(_currency)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_one_line)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)]
LongText = Annotated[str, StringConstraints(max_length=100_000), AfterValidator(no_nul)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=100_000), AfterValidator(no_nul)]
Description = Annotated[str, StringConstraints(max_length=500), AfterValidator(no_nul)]
Reference = Annotated[
    str,
    Field(
        min_length=1, max_length=255, description="shown to its writer and to operators", examples=["invoice-2026-17"]
    ),
    AfterValidator(no_nul),
]
Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(no_nul)],
        Annotated[str, StringConstraints(max_length=MAX_BYTES), AfterValidator(no_nul)],
    ],
    Field(
        max_length=20,
        description=f"strings by name, at most {MAX_BYTES} bytes of JSON; shown to its writer and to operators",
        examples=[{"invoice": "17"}],
    ),
    AfterValidator(_small),
]
OfReference = Annotated[
    str | None,
    Query(min_length=1, max_length=255, description="reference that you wrote; operators: by any writer"),
    AfterValidator(lambda reference: reference and no_nul(reference)),
]
