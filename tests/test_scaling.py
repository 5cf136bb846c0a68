"""Each figure of docs/scaling.md is measured on another page, or the result of a sum that it shows."""

import re
from pathlib import Path

import pytest

PAGE = Path("docs/scaling.md")
TEXT = " ".join(PAGE.read_text().split())
FIGURE = re.compile(r"^\| ([^|]+) \| ([^|]+) \| \[[\w.]+\]\(([\w.]+)\) \|$", re.MULTILINE)
NUMBER = r"\d[\d,]*(?:\.\d+)?"
SUM = re.compile(rf"({NUMBER}) ([×÷+]) ({NUMBER}) = ({NUMBER})( %)?")  # noqa: RUF001 - signs of arithmetic
BEFORE = {"4": "`main/accounts/get` | | 1 | "}
"""Text before a figure that is too short to be searched for alone."""


def number(text: str) -> float:
    """Return the value of a number with commas."""
    return float(text.replace(",", ""))


def holds(left: str, sign: str, right: str, result: str, percent: str) -> bool:
    """Return True if a sum gives its result, rounded to a whole number."""
    a, b = number(left), number(right)
    value = {"×": a * b, "÷": a / b, "+": a + b}[sign] * (100 if percent else 1)  # noqa: RUF001
    return abs(value - number(result)) <= 0.5


@pytest.mark.parametrize(("name", "value", "page"), FIGURE.findall(PAGE.read_text()))
def test_a_figure_is_that_of_the_page_that_measured_it(name: str, value: str, page: str) -> None:
    """Each figure of the table stands in the page that is its source."""
    source = " ".join((PAGE.parent / page).read_text().split())
    assert BEFORE.get(value, "") + value in source, name


def test_the_sums_are_right() -> None:
    """Each `a ÷ b = c` of the page gives its result, and a wrong one is found."""
    sums = SUM.findall(TEXT)
    assert len(sums) > 8
    assert [found for found in sums if not holds(*found)] == []
    assert not holds("1,000,000", "÷", "4,444", "226", ""), "negative control"
