"""Search by words: the same in every locale, fast for every text, and every text that the API takes is stored."""

import os
import re
import unicodedata
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from repositories.postgres.statements import ROOT
from repositories.schema import migrations
from tests.harness import templates

Connection = psycopg.Connection[TupleRow]
LENGTH = 100_000
"""The most characters of a post or a description."""
LIMIT = "2s"
"""Ten times as long as the slowest text takes on an idle machine, and less than 10,000 characters took before."""
LOCALES = {
    "libc C": "LOCALE_PROVIDER libc LOCALE 'C'",
    "libc C.UTF-8": "LOCALE_PROVIDER libc LOCALE 'C.UTF-8'",
    "builtin C.UTF-8": "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'",
    "libc American": "LOCALE_PROVIDER libc LOCALE 'en_US.utf8'",
    "ICU Turkish": "LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LOCALE 'C'",
}
FUNCTIONS = [
    statement
    for statement in migrations.split((ROOT / "main/migrations/0013_search.sql").read_text(encoding="utf-8"))
    if "CREATE FUNCTION search_" in statement
]
RARE = [chr(0x20000 + number) for number in range(40_000)]
CAPITALS = "".join(map(chr, [*range(0xC0, 0x530), *range(0x1E00, 0x2000), *range(0x10400, 0x10428)]))
TEXTS = {
    **{
        run: run * LENGTH
        for run in ("a_", "/~", "<!--", "a ", "a-", "a.b/", "a@b.c ", "<a>", "http://", "1.", "\u0439 ")
    },
    "marks": "a" + "\u0315" * 50_000 + "\u0300" * 50_000,
    "marks of words": ("a" + "\u0315" * 127 + "\u0300" * 127 + " ") * 400,
    "capitals": CAPITALS * 100,
    "capitals between blanks": " ".join(CAPITALS * 50),
    "ideographs": "\u6f22\u5b57" * LENGTH,
    "rare letters": "".join(RARE) * 3,
    "rare words": " ".join(RARE),
    "rare pairs": " ".join(first + RARE[number * 7 % 40_000] for number, first in enumerate(RARE)),
    "a word without end": "a" * LENGTH,
    "letters that normalizing makes three": "\ufb2c" * LENGTH,
    "emoji": "\U0001f600" * LENGTH,
}


@pytest.fixture
def connection(databases: dict[str, str]) -> Iterator[Connection]:
    with psycopg.connect(databases["main"], autocommit=True) as connection:
        yield connection


def test_every_text_is_stored_within_two_seconds(connection: Connection, databases: dict[str, str]) -> None:
    """100,000 characters of any kind; PostgreSQL's parser fails at 20,000 of some (negative control)."""
    connection.execute("INSERT INTO users (id, username, username_key) VALUES (1, 'ada', 'ada')")
    with psycopg.connect(databases["catalog"], autocommit=True) as catalog:
        for session in (connection, catalog):
            session.execute(f"SET statement_timeout = '{LIMIT}'")
        for text in TEXTS.values():
            content = text[:LENGTH]
            connection.execute("INSERT INTO posts (author_id, title, content) VALUES (1, %s, %s)", ("t" * 200, content))
            catalog.execute(
                "INSERT INTO products (seller_id, account_id, name, description, price, currency, stock)"
                " VALUES (1, 1, 't', %s, 1, 'EUR', 1)",
                (content,),
            )
            connection.execute("SELECT search_query(%s)", (content[:200],))
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT to_tsvector('simple', %s)", (TEXTS["a_"][:20_000],))


def test_a_sale_leaves_the_words_as_they_are(databases: dict[str, str]) -> None:
    """Only a change of the text has its words taken apart again."""
    with psycopg.connect(databases["catalog"]) as catalog:
        catalog.execute(
            "INSERT INTO products (seller_id, account_id, name, description, price, currency, stock)"
            " VALUES (1, 1, 'Red', '', 1, 'EUR', 1)"
        )
        catalog.execute("ALTER FUNCTION products_search() RENAME TO unused")
        catalog.execute(
            "CREATE OR REPLACE FUNCTION unused() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RAISE division_by_zero; END'"
        )
        catalog.execute("UPDATE products SET stock = 0, archived_at = now(), version = 2")
        with pytest.raises(psycopg.errors.DivisionByZero):
            catalog.execute("UPDATE products SET description = 'Blue'")


def test_letters_marks_and_numbers_are_words_in_lower_case_and_nothing_else(connection: Connection) -> None:
    """Compared with Unicode character by character: all of Unicode 14 on Python 3.11, else of 3.2."""
    known = unicodedata if unicodedata.unidata_version == "14.0.0" else unicodedata.ucd_3_2_0
    characters = [chr(code) for code in range(1, 0x110000) if known.category(chr(code)) not in {"Cn", "Cs", "Co"}]
    rows = connection.execute(
        "SELECT search_text('a' || c || 'b') FROM unnest(%s::text[]) AS c", (characters,)
    ).fetchall()
    ignored = "\u00ad\u200c\u200d\u2060\ufeff"
    wrong = []
    for character, (words,) in zip(characters, rows, strict=True):
        normal = unicodedata.normalize("NFC", f"a{character}b")
        lower = "".join(letter.lower() if len(letter.lower()) == 1 else "i" for letter in normal)
        right = "ab" if character in ignored else lower if unicodedata.category(character)[0] in "LMN" else "a b"
        if words != right:
            wrong.append((character, words, right))
    assert wrong == []


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("Foo", "'foo'"),
        ("foo bar", "'foo' & 'bar'"),
        ('"foo bar" -baz or qux', "'foo' <-> 'bar' & !'baz' | 'qux'"),
        ("foo.png", "'foo' <-> 'png'"),
        ("-well-known fact", "!( 'well' <-> 'known' ) & 'fact'"),
        ('-"a b" c', "!( 'a' <-> 'b' ) & 'c'"),
        ('"never closed', "'never' <-> 'closed'"),
        ("or", "'or'"),
        ("or a", "'or' & 'a'"),
        ("a or", "'a' & 'or'"),
        ("a OR b c", "'a' | 'b' & 'c'"),
        ("a or or b", "'a' | 'or' & 'b'"),
        ('a "or" b', "'a' & 'or' & 'b'"),
        ("a - b", "'a' & 'b'"),
        ("a\u3000-b\u00a0c\td", "'a' & !'b' & 'c' & 'd'"),
        ("a&b|c:*", "'a' <-> 'b' <-> 'c'"),
        ("it's", "'it' <-> 's'"),
        ("a or -b", "'a'"),
        ("-a or b", "'b'"),
        ("-a", None),
        ("-a -b", None),
        ("!!!", None),
        ("", None),
        ("\\ ' : * ( ) < >", None),
    ],
)
def test_quotes_minus_and_or_keep_their_meaning(connection: Connection, query: str, terms: str | None) -> None:
    """As websearch_to_tsquery has it; an alternative without a word that must occur is left out."""
    assert connection.execute("SELECT search_query(%s)::text", (query,)).fetchone() == (terms,)


def test_words_do_not_depend_on_the_locale() -> None:
    """The functions give one result in every database that this server can make; its own parser gives several."""
    text = " ".join([*CAPITALS, "I\u0130\u0131i caf\u00c9 cafe\u0301 \u0939\u093f\u0928\u094d\u0926\u0940 foo.png x_y"])
    results, parsed = {}, {}
    for name, options in LOCALES.items():
        database = f"{os.environ[templates.PREFIX]}_{re.sub('[^a-z]+', '_', name.lower())}"
        with psycopg.connect(templates.conninfo("postgres"), autocommit=True) as admin:
            try:
                admin.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' " + options).format(
                        sql.Identifier(database)
                    )
                )
            except psycopg.Error:
                continue  # this server lacks the locale
            try:
                with psycopg.connect(make_conninfo(templates.conninfo(database))) as connection:
                    for statement in FUNCTIONS:
                        connection.execute(statement.encode())
                    query = (
                        "SELECT search_text(%(t)s), search_words(%(t)s)::text, search_query('CAF\u00c9 -\u0130')::text"
                    )
                    results[name] = connection.execute(query, {"t": text}).fetchone()
                    parsed[name] = connection.execute("SELECT to_tsvector('simple', %s)::text", (text,)).fetchone()
            finally:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
    assert len(results) >= 2
    assert len(set(results.values())) == 1, results
    if not results.keys() & {"libc C.UTF-8", "builtin C.UTF-8"}:
        pytest.skip("this server has only the locale C, so its own parser cannot differ")
    assert len(set(parsed.values())) > 1, "negative control: PostgreSQL's own parser depends on the locale"


WRITE = {
    "main": "INSERT INTO posts (author_id, title, content) SELECT id, %s, 'text' FROM users",
    "catalog": """
        INSERT INTO products (seller_id, account_id, name, description, price, currency, stock)
        VALUES (1, 1, %s, 'text', 1, 'EUR', 1)
    """,
}


@pytest.mark.parametrize(("database", "first"), [("main", 13), ("catalog", 4)])
def test_rows_from_before_the_migration_are_found_like_later_ones(database: str, first: int) -> None:
    """The release before inserts without naming the column, before and after it; its queries find plain words."""
    name = f"{os.environ[templates.PREFIX]}_before_{database}"
    table = "posts" if database == "main" else "products"
    insert = WRITE[database]
    with psycopg.connect(templates.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            with psycopg.connect(templates.conninfo(name)) as connection:
                connection.execute((ROOT / "both/schema_migrations/create.sql").read_bytes())
                for migration in migrations.migrations(database):
                    if migration.version == first:
                        if database == "main":
                            connection.execute("INSERT INTO users (username, username_key) VALUES ('ada', 'ada')")
                        connection.execute(insert, ("cafe\u0301 foo.png",))
                        connection.execute(insert, ("plain words",))
                        rows = connection.execute(f"SELECT ctid FROM {table} ORDER BY id").fetchall()
                    connection.execute(migration.text.encode())
                connection.execute(insert, ("cafe\u0301 foo.png",))
                for query, count in (("caf\u00e9", 2), ("png", 2), ("foo.png", 2), ("plain", 1)):
                    found = f"SELECT count(*) FROM {table} WHERE search @@ search_query(%s)"
                    assert connection.execute(found, (query,)).fetchone() == (count,), query
                    found = f"SELECT count(*) FROM {table} WHERE search @@ websearch_to_tsquery('simple', %s)"
                    before = count if query != "foo.png" else 0
                    assert connection.execute(found, (query,)).fetchone() == (before,), query
                renewed = connection.execute(f"SELECT ctid FROM {table} ORDER BY id LIMIT 2").fetchall()
                assert (renewed[0] != rows[0], renewed[1] == rows[1]) == (True, True), "only changed words are written"
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
