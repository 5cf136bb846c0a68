"""`make check` refuses a migration that would block traffic on its tables."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from repositories.postgres.statements import ROOT

PROJECT = ROOT.parent
ADD = "ALTER TABLE users ADD CONSTRAINT users_check CHECK (version > 0)"
VALIDATE = "ALTER TABLE users VALIDATE CONSTRAINT users_check;"
INDEX = "CREATE INDEX IF NOT EXISTS users_role_idx ON users (role);"


def check(project: Path) -> subprocess.CompletedProcess[str]:
    """Run the linter of `make check` on migrations, in a copy of the project."""
    [command] = re.findall(r"^\t@(\$\(BIN\)/squawk .+)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    command = command.replace("$(BIN)", str(Path(sys.executable).parent))
    return subprocess.run(["sh", "-c", command], cwd=project, capture_output=True, text=True, check=False)


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """Main's migrations in a copy of the project, to which a test may add one."""
    shutil.copy(PROJECT / ".squawk.toml", tmp_path)
    shutil.copytree(ROOT, tmp_path / "sql")
    return tmp_path / "sql" / "main" / "migrations"


@pytest.mark.parametrize(
    ("migration", "rule"),
    [
        ("ALTER TABLE users ADD COLUMN language text NOT NULL;", "adding-required-field"),
        ("ALTER TABLE users ALTER COLUMN version TYPE numeric;", "changing-column-type"),
        ("ALTER TABLE users DROP COLUMN email;", "ban-drop-column"),
        (f"{ADD};", "constraint-missing-not-valid"),
        (f"{ADD} NOT VALID;\n{VALIDATE}", "constraint-missing-not-valid"),
        (INDEX, "require-concurrent-index-creation"),
    ],
)
def test_an_unsafe_migration_is_refused(migration: str, rule: str, migrations: Path) -> None:
    """A migration is refused if it rewrites or scans a table under a lock, or breaks the previous release."""
    (migrations / "9999_unsafe.sql").write_text(migration)
    checked = check(migrations.parents[2])
    assert checked.returncode != 0
    assert rule in checked.stdout


@pytest.mark.parametrize(
    "migration",
    [
        "CREATE TABLE tags (name text CONSTRAINT tags_pkey PRIMARY KEY);\nCREATE INDEX tags_idx ON tags (upper(name));",
        "ALTER TABLE users ADD COLUMN language text;",
        f"{ADD} NOT VALID;",
        VALIDATE,
        f"-- Built CONCURRENTLY where users is large.\n-- squawk-ignore require-concurrent-index-creation\n{INDEX}",
    ],
)
def test_a_safe_migration_passes(migration: str, migrations: Path) -> None:
    """The same changes pass if they are written as CONTRIBUTING.md says."""
    (migrations / "9999_safe.sql").write_text(migration)
    checked = check(migrations.parents[2])
    assert checked.returncode == 0, checked.stdout
