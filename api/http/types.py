"""The types of bodies, parameters and representations."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any

import email_validator
import iso4217
from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

from repositories.accounts import MAXIMUM

_DIGITS = re.compile(r"[0-9]{1,16}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")
_USERNAME = re.compile(r"[\w.-]{1,40}")
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
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("must be an RFC 3339 time, such as 2026-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time between the years 1 and 9999") from None


def _show(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def no_nul(text: str) -> str:
    """Refuse NUL, which PostgreSQL's text type cannot store."""
    if "\0" in text:
        raise ValueError("must not contain NUL")
    return text


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("must not contain control characters")
    return text


def _username(name: str) -> str:
    normal = unicodedata.normalize("NFKC", name)
    if not _USERNAME.fullmatch(normal):
        raise ValueError("must be 1 to 40 letters, digits, '.', '_' or '-'")
    return normal


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
PathId = Annotated[int, BeforeValidator(_digits), Path(ge=1, le=MAXIMUM, examples=[1])]
Digits = BeforeValidator(_digits)
OfUser = Annotated[int | None, Digits, Query(ge=1, le=MAXIMUM, description="id of a user; filters by that user")]
Words = Annotated[
    str | None,
    Query(min_length=1, max_length=200, description="search words; quotes, `or` and `-` work as in a search engine"),
    AfterValidator(lambda words: words and no_nul(words)),
]
Time = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(_show, when_used="json"),
    Field(strict=False, examples=["2026-01-31T12:00:00.000000Z"], json_schema_extra={"format": "date-time"}),
]
Username = Annotated[str, AfterValidator(_username), Field(max_length=160, examples=["ada"])]
Email = Annotated[str, AfterValidator(_email), Field(max_length=254, examples=["ada@example.com"])]
Currency = Annotated[str, AfterValidator(_currency), Field(examples=["EUR"])]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_one_line)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)]
LongText = Annotated[str, StringConstraints(max_length=100_000), AfterValidator(no_nul)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=100_000), AfterValidator(no_nul)]
Description = Annotated[str, StringConstraints(max_length=500), AfterValidator(no_nul)]
