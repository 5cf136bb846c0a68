"""The types of bodies and parameters: lengths first, names that can be seen, times as RFC 3339 has them."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

from api.app import ROUTERS
from api.http import types
from api.http.invisible import invisible
from api.http.types import Email, Line, Name, PastTime, Time, Username

BOUNDED = {types._digits, types._instant, types._past_instant}
"""Validators that run before the type: their regular expressions look at a few dozen characters at most."""


def unbounded(schema: Any) -> Iterator[str]:
    """Yield the function validators of a core schema that see a string of any length."""
    if isinstance(schema, list | tuple):
        for item in schema:
            yield from unbounded(item)
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind in {"function-before", "function-wrap", "function-plain"} and schema["function"]["function"] not in BOUNDED:
        yield f"{schema['function']['function']}"
    if kind == "function-after" and any(text.get("max_length") is None for text in strings(schema["schema"])):
        yield f"{schema['function']['function']}"
    for name, member in schema.items():
        if name not in {"metadata", "serialization"}:
            yield from unbounded(member)


def strings(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield the schemas of strings that a value passes before the validator around it; models have their own."""
    if schema.get("type") == "str":
        yield schema
    elif schema.get("type") in {"nullable", "function-after", "function-before", "default"}:
        yield from strings(schema["schema"])


def adapters() -> Iterator[tuple[str, TypeAdapter[Any]]]:
    """Yield every body and parameter of the application."""
    for router in ROUTERS:
        for route in router.routes:
            waiting = [route.dependant] if hasattr(route, "dependant") else []
            while waiting:
                dependant = waiting.pop()
                waiting += dependant.dependencies
                for field in (
                    *(*dependant.path_params, *dependant.query_params),
                    *(*dependant.header_params, *dependant.body_params),
                ):
                    kind: Any = Annotated[field.field_info.annotation, field.field_info]
                    yield f"{route.path} {field.name}", TypeAdapter(kind)


def test_a_length_is_checked_before_any_function_sees_the_text() -> None:
    """NFKC of 160 KB of combining marks would block the process for ten seconds, a megabyte for minutes."""
    names = []
    for name, adapter in adapters():
        assert list(unbounded(adapter.core_schema)) == [], name
        names.append(name)
    assert len(names) > 50
    assert {"/users new", "/posts q", "/posts/{id} id"} <= set(names)


@pytest.mark.parametrize(
    "wrong",
    [
        Annotated[str, AfterValidator(str.upper), Field(max_length=10)],
        Annotated[str, AfterValidator(str.upper)],
        Annotated[str, BeforeValidator(str.upper), Field(max_length=10)],
        Annotated[str | None, AfterValidator(str.upper), Field(max_length=10)],
    ],
)
def test_a_length_that_is_checked_late_is_found(wrong: Any) -> None:
    """The test above can fail (negative control)."""

    class Wrong(BaseModel):
        member: wrong

    assert list(unbounded(TypeAdapter(Wrong).core_schema))


def test_a_text_that_is_too_long_is_normalized_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Normalization gets no more characters than the longest name or address has."""
    lengths = []

    def normalize(form: Any, text: str) -> str:
        lengths.append(len(text))
        return text

    monkeypatch.setattr(unicodedata, "normalize", normalize)
    for kind in (Username, Email):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python("a" + "\u0315" * 100_000 + "\u0300" * 100_000 + "@example.com")
    assert all(length <= 254 for length in lengths)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("ada", "ada"),
        ("a" * 40, "a" * 40),
        ("Ada_L.-9", "Ada_L.-9"),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940"),
        ("\u0e17\u0e35\u0e48\u0e23\u0e31\u0e01", "\u0e17\u0e35\u0e48\u0e23\u0e31\u0e01"),
        ("\u0e17\u0e35\u0e48" * 40, "\u0e17\u0e35\u0e48" * 40),
        ("cafe\u0301", "caf\u00e9"),
        ("\uff21\uff44\uff41", "Ada"),
    ],
)
def test_a_name_of_letters_marks_and_digits_is_stored_in_nfkc(name: str, stored: str) -> None:
    """Marks of real scripts are part of their letters; 40 letters have room for their marks."""
    assert TypeAdapter(Username).validate_python(name) == stored


@pytest.mark.parametrize(
    "name",
    [
        *("", "a" * 41, "a b", "a/b", "a@b", "\u0301ada", "a.\u0301", "\u2603", "\U0001f600", "a\u20dd", "a\n"),
        *("admin\u3164", "admin\uffa0", "adm\u00adin", "a\u200db", "a\u034fb", "a\ufe0f", "a\U000e0100", "\u115fa"),
    ],
)
def test_a_name_with_anything_else_is_refused(name: str) -> None:
    """Blanks, symbols, marks without a letter, and everything invisible."""
    with pytest.raises(ValidationError):
        TypeAdapter(Username).validate_python(name)


def test_the_invisible_characters_are_those_of_unicode() -> None:
    """Default_Ignorable_Code_Point has 4,174 code points in Unicode 16; a name refuses each of them."""
    assert sum(invisible(chr(code)) for code in range(0x110000)) == 4174
    names = TypeAdapter(Username)
    for code in range(0x110000):
        if invisible(chr(code)):
            with pytest.raises(ValidationError):
                names.validate_python(f"admin{chr(code)}")


@pytest.mark.parametrize("kind", [Name, Line])
@pytest.mark.parametrize("text", [" ", "\u200b", "\u3164\u3000", "\u202e\u2066", "\u2800", "\u00a0\ufeff", "\n"])
def test_a_title_shows_something(kind: Any, text: str) -> None:
    """Blanks, fillers and controls alone are refused; next to letters they stay as they are."""
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)
    if text != "\n":
        assert TypeAdapter(kind).validate_python(f"{text}a") == f"{text}a"


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "up", "down"),
    [
        ("2026-01-31T12:00:00Z", 0, 0),
        ("2026-01-31t12:00:00.000001z", 1, 1),
        ("2026-01-31T12:00:00.000000001Z", 1, 0),
        ("2026-01-31T12:00:00.999999999Z", 1_000_000, 999_999),
        ("2026-01-31T12:00:00.1234567Z", 123_457, 123_456),
        ("2026-02-01T11:59:00+23:59", 0, 0),
        ("2026-01-30T12:01:00-23:59", 0, 0),
        ("2026-01-31T12:00:00-00:00", 0, 0),
    ],
)
def test_a_time_is_rounded_to_the_microsecond(text: str, up: int, down: int) -> None:
    """A bound up, so that no entry between is lost; the time of a balance down, so that none is let in."""
    for kind, microseconds in ((Time, up), (PastTime, down)):
        assert (TypeAdapter(kind).validate_python(text) - NOON).total_seconds() * 1_000_000 == microseconds


@pytest.mark.parametrize(
    "text",
    [
        *("2026-01-31T12:00:00", "2026-01-31", "2026-01-31 12:00:00Z", "2026-01-31T12:00Z", "2026-01-31T12:00:00.Z"),
        *("2026-12-31T23:59:60Z", "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z", "2026-02-29T12:00:00Z"),
        *("2026-01-31T12:00:00.0000000001Z", "2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00+01:60"),
        *("2026-01-31T12:00:00+0100", "2026-01-31T12:00:00+01", "9999-12-31T23:59:59.9999999Z", "0000-01-01T00:00:00Z"),
        *("\u0662026-01-31T12:00:00Z", "0001-01-01T00:00:00+00:01", "2026-01-31T12:00:00Z\n"),
    ],
)
def test_a_time_that_rfc_3339_or_the_calendar_lacks_is_refused(text: str) -> None:
    """Leap seconds, more than nine digits after the point, and offsets beyond 23:59 too."""
    with pytest.raises(ValidationError):
        TypeAdapter(Time).validate_python(text)
