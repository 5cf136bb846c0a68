"""The examples print their committed output, with the statement files of the service."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from repositories.postgres.statements import ROOT
from tests.harness import templates
from tests.harness.programs import libpq_environment
from tests.sql.examples import ENVIRONMENT, EXAMPLES, committed, run


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_prints_what_was_committed(example: str, databases: dict[str, str]) -> None:
    """On new databases, the output is exactly the committed one."""
    assert run(example, databases) == committed(example)


@pytest.mark.parametrize(
    ("example", "file", "old", "new"),
    [
        ("transfer", "examples/transfer.sql", ":bobs, 1250", ":bobs, 1251"),
        ("transfer", "main/accounts/lock_pair.sql", "ORDER BY id", "ORDER BY id DESC"),
        ("hold", "main/holds/settle.sql", "accounts.held - settled.amount", "accounts.held"),
        ("purchase", "catalog/reservations/insert.sql", "stock = greatest(stock - $3::bigint, 0)", "stock = stock"),
        ("audit", "main/invariants/held.sql", "AND accounts.held <>", "AND FALSE AND accounts.held <>"),
    ],
)
def test_a_change_shows_in_the_output_of_an_example(
    example: str, file: str, old: str, new: str, databases: dict[str, str], tmp_path: Path
) -> None:
    """A changed step, or a changed statement file, changes the output (negative control)."""
    sql = tmp_path / "sql"
    shutil.copytree(ROOT, sql)
    text = (sql / file).read_text()
    assert old in text
    (sql / file).write_text(text.replace(old, new))
    assert run(example, databases, sql=sql) != committed(example)


def test_the_audit_example_runs_every_invariant() -> None:
    """The example runs each file of the invariants once in its database, in order, before it breaks any."""
    files = [
        f"{database}/invariants/{path.stem}"
        for database in ("catalog", "main")
        for path in sorted((ROOT / database / "invariants").glob("*.sql"))
    ]
    clean = committed("audit").partition("-- Triggers refuse")[0]
    assert re.findall(r'^EXECUTE "(.+)" \(NULL, NULL, 100\);$', clean, re.MULTILINE) == files


def test_the_folder_and_psql_are_enough(tmp_path: Path) -> None:
    """The commands of sql/examples/README.md create two databases and run an example, with the folder alone."""
    shutil.copytree(ROOT, tmp_path / "sql")
    [commands] = re.findall(r"(?<=```sh\n).*?(?=```\n)", (ROOT / "examples" / "README.md").read_text(), re.DOTALL)
    environment = ENVIRONMENT | libpq_environment(os.environ[templates.ADMIN])
    name = f"{os.environ[templates.PREFIX]}_readme"
    shell = ["sh", "-e", "-c", commands.replace("folio_example", name)]
    try:
        completed = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    finally:
        templates.drop(f"{name}_main")
        templates.drop(f"{name}_catalog")
    assert (completed.stdout, completed.stderr) == (committed("transfer"), "")
