"""Runs the examples under sql/examples with psql. As a program, it writes their output to the `.out` files."""

import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from repositories.postgres.statements import ROOT
from tests.harness import templates
from tests.harness.programs import PROGRAMS

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.sql"))
# No setting of this machine reaches psql, except the folder of `cat`.
ENVIRONMENT = {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C"}


def run(example: str, conninfos: Mapping[str, str], *, sql: Path = ROOT) -> str:
    """Run an example of the folder `sql` and return its output; fail if psql fails."""
    command = ["psql", "-X", "-d", conninfos["main"]]
    for database, conninfo in conninfos.items():
        command += ["-v", f"{database}={conninfo}"]
    command += ["-f", f"sql/examples/{example}.sql"]
    completed = subprocess.run(command, cwd=sql.parent, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def committed(example: str) -> str:
    """Return the committed output of an example."""
    return (ROOT / "examples" / f"{example}.out").read_text()


def _write() -> None:
    from tests.harness import postgres  # noqa: PLC0415 - importing the Docker client takes seconds, and no test here needs it

    with ExitStack() as stack:
        postgres.start(stack)
        for example in EXAMPLES:
            with templates.clones() as conninfos:
                (ROOT / "examples" / f"{example}.out").write_text(run(example, conninfos))


if __name__ == "__main__":
    _write()
