"""`docs/plans.md`: what was measured last, what each statement may read, and how a new measurement differs."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.plans.measured import Case, Measured

PATH = Path("docs/plans.md")
VERSION = 18
"""The major version whose plans are written down: others may plan otherwise, within the same budgets."""
BEGIN, END = "<!-- written by make plans UPDATE=1 -->", "<!-- end -->"
HEAD = ["File", "Case", "Rows", "Buffers", "Budget", "Chosen", "Plan"]
# Noise is what six runs leave behind, a page that splits, an index one level higher. A lost index is none.
SLACK, LEAST = 1.5, 20
UNCOUNTED = {"both/schema_migrations/list", "both/server/list_databases"}
"""Files whose rows are not of the data set: their number is not compared."""
LOOK_UPS = {
    ("catalog/products/archive_by_seller", "100 who left"): 100,
    ("catalog/reservations/list_of", "1,000 purchases"): 1000,
    ("main/accounts/lock", "1,001 of a batch"): 1001,
    ("main/purchases/known", "1,000 purchases"): 1000,
}
DESCENT = 4
"""Buffers: before PostgreSQL 17, = ANY(array) descends the index once for each of so many elements."""


@dataclass(frozen=True)
class Documented:
    """One line of the table."""

    file: str
    situation: str
    rows: int
    buffers: int
    budget: int
    kind: str
    shape: str


def budget(buffers: int) -> int:
    """Return what a statement may read that read so many buffers: half as many again, rounded up to two digits."""
    allowed = math.ceil(buffers * SLACK) + LEAST
    unit = 10 ** max(0, len(str(allowed)) - 2)
    return int(math.ceil(allowed / unit) * unit)


def read(text: str) -> dict[tuple[str, str], Documented]:
    """Read the table, by file and case."""
    found = {}
    for line in _table(text).splitlines()[2:]:
        file, situation, rows, buffers, allowed, kind, shape = (cell.strip() for cell in line.strip("|").split("|"))
        found[file.strip("`"), situation] = Documented(
            file.strip("`"), situation, _number(rows), _number(buffers), _number(allowed), kind, shape.strip("`")
        )
    return found


def write(text: str, summary: str, measured: Iterable[Measured], left_out: Iterable[Case]) -> str:
    """Return the document with a new table, and with budgets that fit it."""
    lines = [HEAD, ["---", "---", "---:", "---:", "---:", "---", "---"]]
    for row in measured:
        numbers = [f"{number:,}" for number in (row.rows, row.buffers, budget(row.buffers))]
        lines.append([f"`{row.file}`", row.situation, *numbers, row.kind, f"`{row.shape}`"])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    reasons: dict[str, list[str]] = {}
    for case in left_out:
        reasons.setdefault(case.exception or "", []).append(f"`{case.file}`")
    exceptions = "\n".join(f"- {', '.join(files)}: {reason}." for reason, files in sorted(reasons.items()))
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{summary}\n\n{exceptions}\n\n{table}\n{END}{rest.partition(END)[2]}"


def differences(
    measured: Iterable[Measured], documented: Mapping[tuple[str, str], Documented], *, same_version: bool
) -> list[str]:
    """Return a line for each table read whole, budget exceeded, and plan or number of rows that is another."""
    found = []
    left = dict(documented)
    for row in measured:
        found += [f"{row.name}: reads all of {table}" for table in row.read_whole]
        known = left.pop((row.file, row.situation), None)
        if known is None:
            found.append(f"{row.name}: not in {PATH}")
            continue
        look_ups = 0 if same_version else LOOK_UPS.get((row.file, row.situation), 0)
        allowed = known.budget + DESCENT * look_ups
        if row.buffers > allowed:
            found.append(f"{row.name}: read {row.buffers:,} buffers, its budget is {allowed:,}: {row.shape}")
        if row.rows != known.rows and row.file not in UNCOUNTED:
            found.append(f"{row.name}: {row.rows:,} rows, documented {known.rows:,}")
        if same_version and (row.kind, row.shape) != (known.kind, known.shape):
            was, now = f"{known.kind} {known.shape}", f"{row.kind} {row.shape}"
            found.append(f"{row.name}: another plan\n  documented {was}\n  planned    {now}")
    return found + [f"{file} ({situation}): in {PATH}, and not measured" for file, situation in left]


def _number(cell: str) -> int:
    return int(cell.replace(",", ""))


def _table(text: str) -> str:
    found = re.search(rf"^\| {HEAD[0]} .*?(?=\n{END})", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""
