"""The commands of sql/README.md work as printed, with psql and the folder alone."""

import os
import re
import shutil
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from repositories.postgres.statements import ROOT
from repositories.schema import migrations
from tests.harness import templates
from tests.harness.programs import run
from tests.harness.world import World

README = (ROOT / "README.md").read_text(encoding="utf-8")
MIN_VERSIONS = {"GENERIC_PLAN": 16}
"""Major version of the server, by a word in the blocks that need it."""


def blocks(language: str) -> list[tuple[str, str | None]]:
    """Return the fenced blocks of a language, each with its output if the page shows it."""
    return blocks_in(README, language)


def blocks_in(page: str, language: str) -> list[tuple[str, str | None]]:
    """Return the blocks of a page."""
    fence = rf"^```{language}\n(.*?)^```\n(?:```text\n(.*?)^```\n)?"
    return [(code, output or None) for code, output in re.findall(fence, page, re.DOTALL | re.MULTILINE)]


@pytest.mark.parametrize(("code", "output"), blocks("sql"))
async def test_a_block_for_psql_prints_the_output_of_the_page(
    code: str, output: str | None, databases: dict[str, str], world: World
) -> None:
    """On an account that received 100.00, each block prints its output, or no error if the page shows none."""
    for word, version in MIN_VERSIONS.items():
        if word in code and templates.server_version() < version:
            pytest.skip(f"{word} needs PostgreSQL {version}")
    if "pg_stat_statements" in code:
        pytest.skip("pg_stat_statements must be loaded when the server starts")
    await world.fund(await world.account(await world.person("ada")), 10000)
    completed = run(["psql", "-X", "-v", "ON_ERROR_STOP=1"], code, databases["main"])
    assert (completed.returncode, completed.stderr) == (0, "")
    if output is not None:
        assert completed.stdout == output


def test_the_explained_header_is_that_of_a_file() -> None:
    """The page shows the beginning of main/entries/balance_at.sql."""
    [(header, _)] = blocks("pgsql")
    assert (ROOT / "main/entries/balance_at.sql").read_text().startswith(header)


def test_the_page_sets_up_the_roles() -> None:
    """The page's commands, with other names and a password, create two databases that the application can serve."""
    if not templates.has_roles():
        pytest.skip("only a superuser can create roles")
    recipe = next(code for code, _ in blocks("sh") if "roles.sql" in code)
    assert recipe.endswith("folio serve\n")
    prefix = f"{os.environ[templates.PREFIX]}_recipe"
    server = conninfo_to_dict(templates.conninfo("postgres"))
    for name in ("folio_main", "folio_catalog", "folio_migrator", "folio_service"):
        recipe = recipe.replace(name, name.replace("folio", prefix))
    recipe = recipe.replace("LOGIN IN", f"LOGIN PASSWORD '{server.get('password', '')}' IN")
    recipe = recipe.replace("folio serve", "folio audit")
    try:
        completed = run(["bash", "-e"], recipe, templates.conninfo("postgres"))
        assert completed.returncode == 0, completed.stderr
        assert "main/sum_zero" in completed.stdout
        with psycopg.connect(templates.conninfo(f"{prefix}_main"), user=f"{prefix}_service") as service:
            owner = service.execute("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'entries'").fetchone()
            assert owner == ("folio_owner",)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute("DELETE FROM entries")
    finally:
        for database in ("main", "catalog"):
            templates.drop(f"{prefix}_{database}")
        with psycopg.connect(templates.conninfo("postgres"), autocommit=True) as admin:
            for login in ("migrator", "service"):
                admin.execute(f"DROP ROLE IF EXISTS {prefix}_{login}")


@pytest.mark.parametrize("database", ["main", "catalog"])
async def test_the_page_migrates_with_psql(database: str, tmp_path: Path) -> None:
    """The commands end at the first file that fails, go on when run again, and record what `folio migrate` would."""
    script = next(code for code, _ in blocks("sh") if "checksum" in code)
    shutil.copytree(ROOT, tmp_path / "sql")
    [broken] = (tmp_path / "sql" / database / "migrations").glob("0002_*")
    with templates.empty() as conninfo:
        script = script.replace("folio_$database", str(conninfo_to_dict(conninfo)["dbname"]))
        script = script.replace("database=main", f"database={database}")
        broken.write_text("SELECT 1 / 0;")
        failed = run(["bash"], script, conninfo, tmp_path)
        assert "division by zero" in failed.stderr
        with psycopg.connect(conninfo) as connection:
            assert connection.execute("SELECT array_agg(version) FROM schema_migrations").fetchone() == ([1],)
        completed = run(["bash", "-e"], script, conninfo)
        assert (completed.returncode, completed.stdout) == (0, "")
        history = await migrations.history(conninfo, database)
    assert (history.pending, len(history.applied)) == ([], len(migrations.migrations(database)))


def test_the_page_makes_the_database_of_its_examples() -> None:
    """After the page's commands, account 1 has received 100.00."""
    recipe = next(code for code, _ in blocks("sh") if "people.psql" in code)
    assert recipe.endswith("\npsql -X -d folio_example\n")
    name = f"{os.environ[templates.PREFIX]}_example"
    bind = "PREPARE q AS SELECT balance FROM accounts WHERE id = $1; EXECUTE q (1);"
    recipe = recipe.replace("folio_example", name).replace(
        f"psql -X -d {name}\n", f'psql -XqAt -d {name} -c "{bind}"\n'
    )
    try:
        completed = run(["bash", "-e"], recipe.replace("$1", "\\$1"), templates.conninfo("postgres"))
        assert (completed.stdout, completed.stderr) == ("10000\n", "")
    finally:
        templates.drop(name)


async def test_the_page_audits_with_psql(databases: dict[str, str], world: World) -> None:
    """The page's commands print the name of each file, and below it a row for each violation."""
    script = next(code for code, _ in blocks("sh") if "/invariants/" in code)
    names = {database: conninfo_to_dict(conninfo)["dbname"] for database, conninfo in databases.items()}
    variables = "".join(f"{database}={name}\n" for database, name in names.items())
    script = variables + script.replace("folio_$database", "${!database}")
    files = [
        f"sql/{database}/invariants/{path.name}"
        for database in ("catalog", "main")
        for path in sorted((ROOT / database / "invariants").glob("*.sql"))
    ]
    account = await world.account(await world.person("ada"))
    clean = run(["bash", "-e"], script, databases["main"])
    assert (clean.stdout.split(), clean.stderr) == (files, "")
    await world.connection.execute("UPDATE accounts SET balance = 5 WHERE id = %s", (account,))
    broken = run(["bash", "-e"], script, databases["main"]).stdout.split()
    assert broken[broken.index("sql/main/invariants/balance.sql") + 1] == str(account)


def test_every_link_of_the_page_exists() -> None:
    """Each relative link leads to a file of the folder."""
    links = set(re.findall(r"\]\(([\w./]+)\)", README))
    assert links
    assert {link for link in links if not (ROOT / link).exists()} == set()
