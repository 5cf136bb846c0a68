"""The examples do what their committed output says, with the very files of the service."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from repositories.postgres.statements import ROOT
from tests.harness import templates
from tests.sql.examples import ENVIRONMENT, EXAMPLES, committed, run

CONNECTION = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_prints_what_was_committed(example: str, databases: dict[str, str]) -> None:
    """On fresh databases, to the letter."""
    assert run(example, databases) == committed(example)


@pytest.mark.parametrize(
    ("example", "file", "old", "new"),
    [
        ("transfer", "examples/transfer.sql", "ARRAY[1250]", "ARRAY[1251]"),
        ("transfer", "main/accounts/lock.sql", "ORDER BY id", "ORDER BY id DESC"),
        ("hold", "main/holds/settle.sql", "accounts.held - settled.amount", "accounts.held"),
        ("purchase", "catalog/reservations/insert.sql", "stock = stock - $3::bigint", "stock = stock"),
        ("audit", "main/invariants/held.sql", "WHERE accounts.held <>", "WHERE FALSE AND accounts.held <>"),
    ],
)
def test_an_example_shows_what_changed(
    example: str, file: str, old: str, new: str, databases: dict[str, str], tmp_path: Path
) -> None:
    """A changed step, or a changed file of the service, prints something else (negative control)."""
    sql = tmp_path / "sql"
    shutil.copytree(ROOT, sql)
    text = (sql / file).read_text()
    assert old in text
    (sql / file).write_text(text.replace(old, new))
    assert run(example, databases, sql=sql) != committed(example)


def test_the_audit_runs_every_audit_file() -> None:
    """An invariant that is added is added to the example."""
    files = [f"main/invariants/{path.stem}" for path in sorted((ROOT / "main" / "invariants").glob("*.sql"))]
    snapshot = committed("audit").partition("COMMIT;")[0]
    assert re.findall(r'^EXECUTE "(.+)" \(100\);$', snapshot, re.MULTILINE) == files


def test_the_folder_and_psql_are_enough(tmp_path: Path) -> None:
    """What README.md says makes two databases out of the folder alone, and runs an example on them."""
    shutil.copytree(ROOT, tmp_path / "sql")
    [commands] = re.findall(r"(?<=```sh\n).*?(?=```\n)", (ROOT / "examples" / "README.md").read_text(), re.DOTALL)
    server = conninfo_to_dict(os.environ[templates.ADMIN])
    environment = {name: str(server[key]) for name, key in CONNECTION.items() if key in server}
    name = f"{os.environ[templates.PREFIX]}_readme"
    shell = ["sh", "-e", "-c", commands.replace("folio_example", name)]
    try:
        printed = subprocess.run(
            shell, cwd=tmp_path, env=ENVIRONMENT | environment, capture_output=True, text=True, check=False
        )
    finally:
        templates.drop(f"{name}_main")
        templates.drop(f"{name}_catalog")
    assert (printed.stdout, printed.stderr) == (committed("transfer"), "")
