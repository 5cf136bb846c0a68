"""Searches by words: the queries that can find something, and the time that one may take."""

import re
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from repositories.postgres.statements import Connection, statement

HURRY = statement("both/session/hurry")

TIMEOUT = "500ms"
"""Longest time of a search. Ordinary words take a tenth of it; phrases of common words read most of the table."""

_TERM = re.compile(r'-?"[^"]*"?|[^\s"]+')


def can_match(query: str) -> bool:
    """Return True if a query has a word that must occur. Exclusions alone match nothing and need no statement.

    Terms and OR are judged as by search_query() in the databases.
    """
    terms = _TERM.findall(query)
    begun = False
    for place, term in enumerate(terms, 1):
        if begun and term.lower() == "or" and place < len(terms):
            begun = False
        elif any(map(_in_word, term)):
            if not term.startswith("-"):
                return True
            begun = True
    return False


@asynccontextmanager
async def limited(connection: Connection) -> AsyncIterator[None]:
    """Bound every statement of the block by TIMEOUT; a longer one is ended with SQLSTATE 57014."""
    async with connection.transaction():
        await HURRY.run(connection, timeout=TIMEOUT)
        yield


def _in_word(character: str) -> bool:
    """Return True for letters, marks and numbers, as search_text() in the databases defines words."""
    return unicodedata.category(character)[0] in "LMN"
