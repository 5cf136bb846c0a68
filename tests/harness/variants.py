"""Broken variants: Folio with one guarantee taken away, for which the test of that guarantee must fail."""

import pytest

from repositories.postgres.statements import Statement


def without(monkeypatch: pytest.MonkeyPatch, statement: Statement, words: str) -> None:
    """Take words out of a statement."""
    assert words in statement.text
    monkeypatch.setattr(statement, "text", statement.text.replace(words, ""))
