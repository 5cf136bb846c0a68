"""Databases with rows, which the tests of this folder read and do not change."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from repositories.postgres.statements import ROOT, Statement
from tests.harness import templates
from tests.sql.probes import Connection, Sessions

DATA = Path(__file__).parent / "data"
# Autovacuum marks pages all-visible at its own time, which would make other plans cheaper.
DISABLE_AUTOVACUUM = """
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = off)', name);
    END LOOP;
END;
$$
"""


def furnish(conninfos: dict[str, str]) -> None:
    """Insert the rows of `tests/sql/data` into both databases."""
    for database, conninfo in conninfos.items():
        with psycopg.connect(conninfo, autocommit=True) as session:
            session.execute(DISABLE_AUTOVACUUM)
            session.execute((DATA / f"{database}.sql").read_bytes())
            session.execute("ANALYZE")


@pytest.fixture(scope="session")
def sessions_for() -> Iterator[Callable[[str], Sessions]]:
    """Yield a function that returns the sessions for a statement; statements for both databases run in main."""
    with templates.clones() as conninfos, ExitStack() as stack:
        furnish(conninfos)

        def connect(database: str, *, autocommit: bool = False) -> Connection:
            session = psycopg.connect(conninfos[database], autocommit=autocommit, prepare_threshold=None)
            # Headers are for the default cost of a page, and JIT compilation is slow for a statement that runs once.
            session.execute("SET random_page_cost = 4; SET jit = off")
            session.commit()
            return stack.enter_context(session)

        sessions = {
            database: Sessions(connect(database), connect(database), connect(database, autocommit=True))
            for database in conninfos
        }
        sessions["both"] = sessions["main"]
        yield lambda statement: sessions[statement.partition("/")[0]]


@pytest.fixture
def altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], Statement]:
    """Return a function that reads a copy of a statement file with a text replaced, such as a false header."""

    def alter(name: str, old: str, new: str) -> Statement:
        text = (ROOT / f"{name}.sql").read_text()
        assert old in text
        copy = tmp_path / f"{name}.sql"
        copy.parent.mkdir(parents=True)
        copy.write_text(text.replace(old, new))
        monkeypatch.setattr("repositories.postgres.statements.ROOT", tmp_path)
        return Statement(name)

    return alter
