"""Migrations run once each, in order, whole or not at all; a history that contradicts the files is refused."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from repositories.postgres import unit_of_work
from repositories.postgres.statements import ROOT
from repositories.schema import migrations
from repositories.schema.migrations import MigrationError
from tests.harness import templates
from tests.harness.proxy import Trouble, proxy


@pytest.fixture
def empty() -> Iterator[str]:
    """A database without a schema."""
    with templates.empty() as conninfo:
        yield conninfo


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of main's migrations that a test may change."""
    folder = tmp_path / "main" / "migrations"
    shutil.copytree(ROOT / "main" / "migrations", folder)
    monkeypatch.setattr(migrations, "ROOT", tmp_path)
    return folder


async def migrate(conninfo: str) -> list[str]:
    return [migration.name for migration in await migrations.migrate(conninfo, "main", lambda _: None)]


async def test_processes_that_start_at_once_apply_each_migration_once(empty: str) -> None:
    """Four processes together apply every file once, and all succeed."""
    applied = await asyncio.gather(*(migrate(empty) for _ in range(4)))
    assert sorted(name for names in applied for name in names) == [file.name for file in migrations.migrations("main")]
    assert await migrations.pending(empty, "main") == []


async def test_pending_changes_nothing(empty: str) -> None:
    """`pending`, which a dry run prints, creates no table."""
    assert len(await migrations.pending(empty, "main")) == len(migrations.migrations("main"))
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM pg_class WHERE relname = 'schema_migrations'").fetchone() == (
            0,
        )


async def test_a_changed_file_is_refused(empty: str, files: Path) -> None:
    """Its checksum differs from the stored one; nothing is applied."""
    await migrate(empty)
    first = files / "0001_users.sql"
    first.write_text(first.read_text() + "-- later\n")
    with pytest.raises(MigrationError, match=r"0001_users\.sql was changed"):
        await migrations.pending(empty, "main")


async def test_migrations_of_a_newer_release_stay(empty: str, files: Path) -> None:
    """They are a warning: old and new processes run side by side, and a release can be rolled back."""
    for name in ("9998_later.sql", "9999_last.sql"):
        (files / name).write_text("SELECT 1;")
    await migrate(empty)
    for name in ("9998_later.sql", "9999_last.sql"):
        (files / name).unlink()
    history = await migrations.history(empty, "main")
    assert (history.pending, [row.name for row in history.newer]) == ([], ["9998_later.sql", "9999_last.sql"])
    assert history.warning == "has 2 migration(s) of a newer release, from 9998_later.sql on"
    assert await migrate(empty) == []


async def test_an_unknown_migration_among_known_ones_is_refused(empty: str, files: Path) -> None:
    """No release made it after the files of this one (negative control of the test above)."""
    (files / "9998_later.sql").write_text("SELECT 1;")
    await migrate(empty)
    (files / "9998_later.sql").unlink()
    (files / "9999_last.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=r"9998_later\.sql, which this release of Folio does not have"):
        await migrations.pending(empty, "main")


@pytest.mark.parametrize("trouble", [Trouble.CUT_BEFORE, Trouble.CUT_AFTER])
async def test_a_lost_commit_of_a_migration_is_told(trouble: Trouble, empty: str) -> None:
    """The sentence names the migration, and a further `folio migrate` applies the missing ones."""
    async with proxy(empty) as network:
        network.trouble, network.passing = trouble, 1
        with pytest.raises(MigrationError, match=r"lost during the COMMIT of 0002_\w+\.sql, which may be applied"):
            await migrate(network.conninfo)
    applied = await migrate(empty)
    assert applied[0].startswith("0002_" if trouble is Trouble.CUT_BEFORE else "0003_")


async def test_a_commit_of_a_migration_may_take_longer_than_one_of_a_request(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may wait for a disk or a standby."""
    monkeypatch.setattr(unit_of_work, "COMMIT_TIMEOUT", 0.3)
    async with proxy(empty) as network:
        network.trouble = Trouble.DELAY
        migrating = asyncio.create_task(migrate(network.conninfo))
        await network.committing.wait()
        done, _ = await asyncio.wait({migrating}, timeout=1)
        assert not done
        network.release.set()
        assert len(await migrating) == len(migrations.migrations("main"))


async def test_the_timeouts_of_a_database_end_no_migration(empty: str, files: Path) -> None:
    """It may rewrite a table for minutes, whatever the database or the role allows other sessions."""
    (files / "9999_slow.sql").write_text("SELECT pg_sleep(0.7); SELECT pg_sleep(0.7);")
    with psycopg.connect(empty, autocommit=True) as connection:
        name = connection.info.dbname
        known = connection.execute("SELECT name FROM pg_settings WHERE name ~ '^(statement|transaction)_timeout'")
        for (setting,) in known.fetchall():
            connection.execute(f"ALTER DATABASE {name} SET {setting} = '1s'")
    assert "9999_slow.sql" in await migrate(empty)


async def test_a_migration_that_fails_is_rolled_back_whole(empty: str, files: Path) -> None:
    """Its own changes are undone, earlier migrations stay, and it stays pending."""
    await migrate(empty)
    (files / "9999_later.sql").write_text("CREATE TABLE half (id bigint); SELECT 1 / 0;")
    with pytest.raises(MigrationError, match="failed and was rolled back"):
        await migrate(empty)
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
    assert [migration.name for migration in await migrations.pending(empty, "main")] == ["9999_later.sql"]


@pytest.mark.parametrize("database", sorted(database for database, _ in migrations.UNRELEASED))
async def test_a_database_of_before_the_first_release_is_refused(database: str, empty: str) -> None:
    """The refusal says how to start with new databases, differs from that of a changed file, and changes nothing."""
    [checksum] = [checksum for name, checksum in migrations.UNRELEASED if name == database]
    remember(empty, checksum)
    refusal = rf"^The {database} database was made before the first release .* start with new, empty databases"
    with pytest.raises(MigrationError, match=refusal):
        await migrations.pending(empty, database)
    with pytest.raises(MigrationError, match=refusal):
        await migrations.migrate(empty, database, lambda _: None)
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM schema_migrations").fetchone() == (1,)


async def test_another_first_file_is_a_changed_file(empty: str) -> None:
    """Only the checksums of before the first release are refused as such (negative control)."""
    remember(empty, "0" * 64)
    with pytest.raises(MigrationError, match=r"0001_users\.sql was changed"):
        await migrations.pending(empty, "main")


def remember(conninfo: str, checksum: str) -> None:
    """Make a database remember a first migration with this checksum."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(migrations.CREATE.text.encode())
        connection.execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES (1, '0001_users.sql', %s)", (checksum,)
        )


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("SELECT 1;\n\n-- Two; of them.\nSELECT 2;\n", ["SELECT 1;", "-- Two; of them.\nSELECT 2;"]),
        ("SELECT 'a;''b;' AS \";\"; SELECT 2", ["SELECT 'a;''b;' AS \";\";", "SELECT 2"]),
        (
            "DO $$ BEGIN; 'x $a$; END; $$; SELECT $a$ ; $$ ; $a$;",
            ["DO $$ BEGIN; 'x $a$; END; $$;", "SELECT $a$ ; $$ ; $a$;"],
        ),
    ],
)
def test_a_migration_is_split_into_its_statements(text: str, statements: list[str]) -> None:
    """Semicolons in comments, strings, quoted names and dollar quotes end no statement."""
    assert migrations.split(text) == statements


async def test_a_migration_that_deadlocks_with_a_request_is_tried_again(empty: str, files: Path) -> None:
    """A request may lock the same tables in another order; PostgreSQL then rolls one of the two back."""
    await migrate(empty)
    (files / "9999_locks.sql").write_text("LOCK TABLE posts;\nLOCK TABLE holds;\nCREATE TABLE later (id bigint);\n")
    async with await psycopg.AsyncConnection.connect(empty) as request:
        await request.execute("SET deadlock_timeout TO '60s'")  # so that the migration is rolled back
        await request.execute("LOCK TABLE holds")
        migrating = asyncio.create_task(migrate(empty))
        async with asyncio.timeout(60):
            while (await request.execute("SELECT FROM pg_locks WHERE NOT granted")).rowcount == 0:  # noqa: ASYNC110 - another session of the server
                await asyncio.sleep(0.01)
        await request.execute("LOCK TABLE posts")
        await request.commit()
    assert await migrating == ["9999_locks.sql"]
