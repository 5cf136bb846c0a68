"""Databases with rows in them, which every test here looks at and none changes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from repositories.postgres.statements import ROOT, Statement
from tests.harness import templates
from tests.sql.probes import Connection, Sessions

DATA = Path(__file__).parent / "data"
# Autovacuum would find pages that all may see, at a time of its own, and so make other plans cheaper.
NO_VACUUM = """
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
    """Put the rows of `tests/sql/data` into both databases."""
    for database, conninfo in conninfos.items():
        with psycopg.connect(conninfo, autocommit=True) as session:
            session.execute(NO_VACUUM)
            session.execute((DATA / f"{database}.sql").read_bytes())
            session.execute("ANALYZE")


@pytest.fixture(scope="session")
def sessions() -> Iterator[dict[str, Sessions]]:
    """Three sessions on each database; statements for both run in main."""
    with templates.clones() as conninfos, ExitStack() as stack:
        furnish(conninfos)

        def connect(database: str, *, autocommit: bool = False) -> Connection:
            session = psycopg.connect(conninfos[database], autocommit=autocommit, prepare_threshold=None)
            # A server may be set up for its disks, but headers are not; and to compile what runs once takes too long.
            session.execute("SET random_page_cost = 4; SET jit = off")
            session.commit()
            return stack.enter_context(session)

        opened = {
            database: Sessions(connect(database), connect(database), connect(database, autocommit=True))
            for database in conninfos
        }
        yield opened | {"both": opened["main"]}


@pytest.fixture
def altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], Statement]:
    """Read a file in which one text is another: a header that lies, or a statement that does not do as it says."""

    def alter(name: str, old: str, new: str) -> Statement:
        text = (ROOT / f"{name}.sql").read_text()
        assert old in text
        copy = tmp_path / f"{name}.sql"
        copy.parent.mkdir(parents=True)
        copy.write_text(text.replace(old, new))
        monkeypatch.setattr("repositories.postgres.statements.ROOT", tmp_path)
        return Statement(name)

    return alter
