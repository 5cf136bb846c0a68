"""sql/README.md works as it stands, with psql and the folder alone."""

import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from repositories.embedded import binaries
from repositories.postgres.statements import ROOT
from repositories.schema import migrations
from tests.harness import templates
from tests.harness.world import World

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = binaries.installed().root / "bin"
NEEDS = {"GENERIC_PLAN": 16}
"""What a block of the page needs of the server, as a word in it and a major version."""


def blocks(language: str) -> list[tuple[str, str | None]]:
    """Return the fenced blocks of a language, each with what the page says that it prints, if it says so."""
    fence = rf"^```{language}\n(.*?)^```\n(?:```text\n(.*?)^```\n)?"
    return [(code, printed or None) for code, printed in re.findall(fence, README, re.DOTALL | re.MULTILINE)]


def run(program: list[str], code: str, conninfo: str, folder: Path = ROOT.parent) -> subprocess.CompletedProcess[str]:
    """Feed a block to a program, in the folder that holds sql/, with a database and its server as the default."""
    server = conninfo_to_dict(conninfo)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    environment = os.environ | {name: str(server[key]) for key, name in names.items() if key in server}
    environment["PATH"] = f"{PROGRAMS}:{Path('.venv/bin').absolute()}:{environment['PATH']}"
    return subprocess.run(program, input=code, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("code", "printed"), blocks("sql"))
async def test_a_block_for_psql_prints_what_the_page_says(
    code: str, printed: str | None, databases: dict[str, str], world: World
) -> None:
    """On one account that received 100.00; without an error where the page shows no output."""
    for word, version in NEEDS.items():
        if word in code and templates.server_version() < version:
            pytest.skip(f"{word} needs PostgreSQL {version}")
    if "pg_stat_statements" in code:
        pytest.skip("needs an extension that is loaded at the server's start")
    await world.fund(await world.account(await world.person("ada")), 10000)
    done = run(["psql", "-X", "-v", "ON_ERROR_STOP=1"], code, databases["main"])
    assert (done.returncode, done.stderr) == (0, "")
    if printed is not None:
        assert done.stdout == printed


def test_the_header_that_is_explained_is_a_files() -> None:
    """The page shows the beginning of a real file."""
    [(shown, _)] = blocks("pgsql")
    assert (ROOT / "main/entries/balance_at.sql").read_text().startswith(shown)


def test_the_roles_are_set_up_as_the_page_says() -> None:
    """From two new databases to an application that may serve; its own words, but for names and passwords."""
    if not templates.has_roles():
        pytest.skip("only a superuser makes the roles of tests")
    recipe = next(code for code, _ in blocks("sh") if "roles.sql" in code)
    assert recipe.endswith("folio serve\n")
    prefix = f"{os.environ[templates.PREFIX]}_recipe"
    server = conninfo_to_dict(templates.conninfo("postgres"))
    for name in ("folio_main", "folio_catalog", "folio_migrator", "folio_service"):
        recipe = recipe.replace(name, name.replace("folio", prefix))
    recipe = recipe.replace("LOGIN IN", f"LOGIN PASSWORD '{server.get('password', '')}' IN")
    recipe = recipe.replace("folio serve", "folio audit")
    try:
        done = run(["bash", "-e"], recipe, templates.conninfo("postgres"))
        assert done.returncode == 0, done.stderr
        assert "main/sum_zero" in done.stdout
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
async def test_psql_migrates_as_the_page_says(database: str) -> None:
    """On a new database: Folio finds every migration applied, with the checksum of its file."""
    script = next(code for code, _ in blocks("sh") if "checksum" in code)
    with templates.empty() as conninfo:
        script = script.replace("folio_main", str(conninfo_to_dict(conninfo)["dbname"]))
        done = run(["bash", "-e"], script.replace("sql/main/", f"sql/{database}/"), conninfo)
        assert (done.returncode, done.stderr) == (0, "")
        found = await migrations.history(conninfo, database)
    assert (found.pending, len(found.applied)) == ([], len(migrations.migrations(database)))


async def test_the_audit_by_hand_finds_what_is_broken(databases: dict[str, str], world: World) -> None:
    """Each file's name and nothing else where all is well; a row below the name of what is broken."""
    script = next(code for code, _ in blocks("sh") if "main/invariants" in code)
    script = script.replace("folio_main", str(conninfo_to_dict(databases["main"])["dbname"]))
    files = [f"sql/main/invariants/{path.name}" for path in sorted((ROOT / "main" / "invariants").glob("*.sql"))]
    account = await world.account(await world.person("ada"))
    clean = run(["bash", "-e"], script, databases["main"])
    assert (clean.stdout.split(), clean.stderr) == (files, "")
    await world.connection.execute("UPDATE accounts SET balance = 5 WHERE id = %s", (account,))
    broken = run(["bash", "-e"], script, databases["main"]).stdout.split()
    assert broken[: broken.index("sql/main/invariants/balance.sql") + 2] == [
        "sql/main/invariants/balance.sql",
        str(account),
    ]


def test_the_page_needs_nothing_else() -> None:
    """What it refers to stands in the folder."""
    links = set(re.findall(r"\]\(([\w./]+)\)", README))
    assert links
    assert {link for link in links if not (ROOT / link).exists()} == set()
