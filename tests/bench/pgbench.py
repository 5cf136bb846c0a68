"""pgbench, the yardstick: the statements of a transfer, sent by a C program without HTTP."""

from __future__ import annotations

import math
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from repositories.postgres.statements import MalformedStatement, Statement
from tests.bench.loads import Load
from tests.bench.results import percentile
from tests.harness.programs import PROGRAMS, libpq_environment

PROGRAM = PROGRAMS / "pgbench"
FIXED = Path(__file__).with_name("sql") / "transfer_70b6393.sql"
"""The statements of commit 70b6393, kept so that the yardstick does not move."""
PRESENT = ("main/accounts/lock_pair", "main/idempotency_keys/find", "main/transfers/insert_one")
"""The statement files of one transfer at present, between BEGIN and COMMIT."""
ARGUMENTS = {
    "from_id": ":payer",
    "to_id": ":payee",
    "owner_id": ":user",
    "user_id": ":user",
    "key": ":key",
    "from_account_id": ":payer",
    "to_account_id": ":payee",
    "amount": "1",
    "description": "NULL",
    "created_by": ":user",
    "request_hash": "sha256(convert_to(:key::text, 'UTF8'))",
    "reverses_id": "NULL",
    "hold_id": "NULL",
    "reference": "NULL",
    "reference_by": "NULL",
    "metadata": "NULL",
}
"""Arguments of the present statements, by the parameter names of their headers."""
PAYERS = r"""\set payer random(1, 10000)
\set user 1 + :payer % 1000
\set key random(1, 9000000000000000000)
"""
SPREAD = PAYERS + "\\set payee 1 + (:payer - 1 + random(1, 9999)) % 10000\n"
HOT = PAYERS + "\\set payee 10001\n"
MAX_CLIENTS = 64
"""More connections make PostgreSQL slower on few cores."""


class Unusable(Exception):
    """The script cannot be made: a file or an argument is missing."""


@dataclass(frozen=True)
class Script:
    """A transaction of pgbench."""

    draws: str
    present: bool = False
    """Run the statements of this working tree, not the fixed ones."""

    def text(self) -> str:
        """Return the script. Raises Unusable."""
        return self.draws + (present_statements() if self.present else FIXED.read_text())


def present_statements() -> str:
    """Return the present statements of a transfer, with pgbench's variables as arguments. Raises Unusable."""
    try:
        statements = [_fill(Statement(name)) for name in PRESENT]
    except (FileNotFoundError, MalformedStatement, KeyError) as error:
        raise Unusable(f"tests/bench/pgbench.py does not know the statements of a transfer: {error!r}") from error
    return "\n".join(["BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;", *statements, "COMMIT;", ""])


def _fill(statement: Statement) -> str:
    names = statement.parameters

    def argument(match: re.Match[str]) -> str:
        return f"{ARGUMENTS[names[int(match[1]) - 1]]}::{match[2]}"

    lines = [line for line in statement.text.splitlines() if not line.lstrip().startswith("--")]
    return re.sub(r"\$(\d+)::(\w+)", argument, "\n".join(lines))


def run(script: Script, conninfo: str, clients: int, seconds: float) -> Load:
    """Run a script from so many connections, for whole seconds."""
    with tempfile.TemporaryDirectory(prefix="folio-pgbench-") as folder:
        path = Path(folder) / "script.sql"
        path.write_text(script.text())
        duration = max(1, round(seconds))
        options = ["-n", "-M", "prepared", f"-T{duration}", f"-c{clients}", f"-j{min(2, clients)}"]
        completed = subprocess.run(
            [PROGRAM, *options, "-l", f"--log-prefix={folder}/log", "-f", path],
            env=libpq_environment(conninfo),
            check=True,
            capture_output=True,
            text=True,
            timeout=duration + 60,
        )
        lines = [line for log in Path(folder).glob("log*") for line in log.read_text().splitlines()]
    # A line is: client, transaction, microseconds, file, second, microsecond.
    latencies = [int(line.split()[2]) / 1000 for line in lines]
    # Without the time to connect, which other contestants spend before their measurement.
    per_second = re.search(r"tps = ([\d.]+)", completed.stdout)
    if not latencies or per_second is None:
        return Load(0, duration, math.nan, math.nan, errors=0)
    measured_seconds = len(latencies) / float(per_second[1])
    return Load(len(latencies), measured_seconds, percentile(latencies, 50), percentile(latencies, 99), errors=0)
