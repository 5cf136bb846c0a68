"""Locales: names, addresses and searches are the same, whichever locale a database was created with."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import psycopg
import pytest

from repositories.schema import migrations, roles
from repositories.schema.databases import DATABASES
from tests.harness import templates
from tests.harness.expect import found, problem
from tests.sql.test_search import LOCALES


@pytest.fixture(params=["ICU Turkish", "libc C", "libc American"])
def databases(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Both databases, created with a locale, in place of the templates' own."""
    options = f"ENCODING 'UTF8' {LOCALES[request.param]}"
    with ExitStack() as stack:
        try:
            conninfos = {database: stack.enter_context(templates.empty(options)) for database in DATABASES}
        except psycopg.Error as error:
            pytest.skip(f"this server lacks the locale: {error}")
        for database, conninfo in conninfos.items():
            asyncio.run(migrations.migrate(conninfo, database, lambda _: None))
            if templates.has_roles():
                asyncio.run(roles.grant(conninfo, database))
        yield conninfos


async def test_names_and_searches_do_not_depend_on_the_locale(client: httpx.AsyncClient) -> None:
    """In Turkish, the lower case of I is another letter than i: there, INFO and info would be two users."""
    first = found(await client.post("/users", json={"username": "INFO", "email": "INFO@example.com"}), 201)
    for username in ("info", "Info", "\uff49nfo"):
        answer = await client.post("/users", json={"username": username, "email": "other@example.com"})
        problem(answer, 409, "username_taken")
    problem(await client.post("/users", json={"username": "ada", "email": "info@example.com"}), 409, "email_taken")
    found(await client.post("/users", json={"username": "\u0131nfo", "email": "dotless@example.com"}), 201)
    headers = {"Authorization": f"Bearer {first['api_key']}"}
    found(await client.post("/posts", json={"title": "TITLE", "content": "CAF\u00c9 \u0416"}, headers=headers), 201)
    for query in ("title", "Title", "caf\u00e9", "\u0436"):
        assert len(found(await client.get("/posts", params={"q": query}))["items"]) == 1, query
