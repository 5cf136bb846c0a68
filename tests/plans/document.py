"""`docs/plans.md`: the last measurements, the budget of each statement, and the differences of a new measurement."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.plans.measurements import Case, Measurement

PATH = Path("docs/plans.md")
VERSION = 18
"""The major version of the documented plans; other versions may choose other plans within the same budgets."""
BEGIN, END = "<!-- written by make plans UPDATE=1 -->", "<!-- end -->"
COLUMNS = ["File", "Case", "Rows", "Buffers", "Budget", "Chosen", "Plan"]
# Dead rows of six runs, a page split or a higher index stay within the budget; a lost index exceeds it.
BUDGET_FACTOR, BUDGET_EXTRA_BUFFERS = 1.5, 20
UNCOUNTED_FILES = {"both/schema_migrations/list", "both/server/list_databases"}
"""The number of rows is not compared, because they are not of the data set."""
ARRAY_SIZES = {
    ("catalog/reservations/list_of", "1,000 purchases"): 1000,
    ("main/accounts/lock", "1,001 of a batch"): 1001,
    ("main/purchases/known", "1,000 purchases"): 1000,
}
DESCENT_BUFFERS = 4
"""Per element of an array: before PostgreSQL 17, = ANY(array) descends the index once for each."""


@dataclass(frozen=True)
class Row:
    """One row of the document's table."""

    file: str
    situation: str
    rows: int
    buffers: int
    budget: int
    kind: str
    shape: str


def budget(buffers: int) -> int:
    """Return the budget of a statement that read so many buffers, rounded up to two digits."""
    exact = math.ceil(buffers * BUDGET_FACTOR) + BUDGET_EXTRA_BUFFERS
    unit = 10 ** max(0, len(str(exact)) - 2)
    return int(math.ceil(exact / unit) * unit)


def read(text: str) -> dict[tuple[str, str], Row]:
    """Return the rows of the table, by file and case."""
    rows_by_case = {}
    for line in _table(text).splitlines()[2:]:
        file, situation, rows, buffers, max_buffers, kind, shape = (cell.strip() for cell in line.strip("|").split("|"))
        rows_by_case[file.strip("`"), situation] = Row(
            file.strip("`"), situation, _number(rows), _number(buffers), _number(max_buffers), kind, shape.strip("`")
        )
    return rows_by_case


def write(text: str, summary: str, measurements: Iterable[Measurement], exceptions: Iterable[Case]) -> str:
    """Return the document with a new table and its budgets."""
    lines = [COLUMNS, ["---", "---", "---:", "---:", "---:", "---", "---"]]
    for row in measurements:
        numbers = [f"{number:,}" for number in (row.rows, row.buffers, budget(row.buffers))]
        lines.append([f"`{row.file}`", row.situation, *numbers, row.kind, f"`{row.shape}`"])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    reasons: dict[str, list[str]] = {}
    for case in exceptions:
        reasons.setdefault(case.exception or "", []).append(f"`{case.file}`")
    exception_lines = "\n".join(f"- {', '.join(files)}: {reason}." for reason, files in sorted(reasons.items()))
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{summary}\n\n{exception_lines}\n\n{table}\n{END}{rest.partition(END)[2]}"


def differences(
    measurements: Iterable[Measurement], document_rows: Mapping[tuple[str, str], Row], *, same_version: bool
) -> list[str]:
    """Return a line for each scan of a large table, exceeded budget, and changed plan or number of rows."""
    lines = []
    unmeasured = dict(document_rows)
    for new in measurements:
        lines += [f"{new.name}: reads all of {table}" for table in new.sequential_scans]
        row = unmeasured.pop((new.file, new.situation), None)
        if row is None:
            lines.append(f"{new.name}: not in {PATH}")
            continue
        array_size = 0 if same_version else ARRAY_SIZES.get((new.file, new.situation), 0)
        max_buffers = row.budget + DESCENT_BUFFERS * array_size
        if new.buffers > max_buffers:
            lines.append(f"{new.name}: read {new.buffers:,} buffers, its budget is {max_buffers:,}: {new.shape}")
        if new.rows != row.rows and new.file not in UNCOUNTED_FILES:
            lines.append(f"{new.name}: {new.rows:,} rows, documented {row.rows:,}")
        if same_version and (new.kind, new.shape) != (row.kind, row.shape):
            plans = f"documented {row.kind} {row.shape}\n  planned    {new.kind} {new.shape}"
            lines.append(f"{new.name}: another plan\n  {plans}")
    return lines + [f"{file} ({situation}): in {PATH}, but not measured" for file, situation in unmeasured]


def _number(cell: str) -> int:
    return int(cell.replace(",", ""))


def _table(text: str) -> str:
    match = re.search(rf"^\| {COLUMNS[0]} .*?(?=\n{END})", text, re.MULTILINE | re.DOTALL)
    return match[0] if match else ""
