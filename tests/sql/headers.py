"""Headers of SQL files: the contract of a statement, which tests hold to PostgreSQL's own description of it.

    -- What the statement does, in sentences.
    --
    -- $1 ids  bigint[]  accounts.id              ($ none, if it takes no parameters)
    --
    -- Returns  id bigint, owner_id bigint;       (none, if it returns no columns)
    --          how many rows, in which order
    -- Index    accounts_pkey
    -- Locks    accounts RowShareLock; its rows FOR NO KEY UPDATE, by id

A slot may continue on the next lines. Returns is prose after its first semicolon; tests check everything else:

Index  `none`, or the names of the indexes in the generic plan and of those that decide ON CONFLICT. The plan is made
       on tables with a few thousand rows, at PostgreSQL's default costs, with `enable_seqscan = off`. With `none`,
       sequential scans are allowed: the statement prefers to read whole tables, or reads no table. Look-ups of unique
       and foreign keys are in no plan, so they are not listed.
Locks  `none`, or `tables modes` for everything that `pg_locks` shows of a transaction that has run the statement: every
       mode on every table, from the weakest to the strongest, including modes that foreign keys take, and `advisory`
       with its key. Indexes, sequences and views are left out, because they are locked with their tables; so is a table
       that the transaction creates, because no other session sees it. A statement that cannot run in a transaction
       leaves no locks.
       One table may be followed by `its row` (at most one) or `its rows`, with their strength: the rows that FOR … or a
       foreign key locks. Rows that the statement writes are not listed: RowExclusiveLock implies them.
       `by id`: each row is waited for after those of lower id are locked and before those of higher id are.
       `without waiting`: rows that another session has locked are skipped (SKIP LOCKED).
"""

import itertools
import re
from dataclasses import dataclass

from repositories.postgres import statements
from repositories.postgres.statements import MalformedStatement, Statement

MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""From the weakest to the strongest."""

_PARAMETER = re.compile(r"-- \$\d+ \w+ +(?P<type>[a-z]\w*(?:\[\])?)(?:  |$)")
_SLOT = re.compile(r"-- (?P<slot>Returns|Index|Locks) +(?P<text>.+)")
_NAMES = re.compile(r"[a-z]\w*(?:, [a-z]\w*)*")
_TABLES = re.compile(
    r"(?P<tables>(?:advisory \d+|[a-z]\w*)(?:, (?:advisory \d+|[a-z]\w*))*) (?P<modes>[A-Z]\w+(?:, [A-Z]\w+)*)"
)
_ROWS = re.compile(
    r"its (?P<rows>rows?) (?P<strength>FOR (?:NO KEY UPDATE|UPDATE|SHARE|KEY SHARE))"
    r"(?:, (?P<manner>by id|without waiting))?"
)


@dataclass(frozen=True)
class RowLock:
    """Rows of a table that a statement locks: their strength, one or several; `by id`, `without waiting` or neither."""

    strength: str
    several: bool
    manner: str


@dataclass(frozen=True)
class TableLock:
    """A table (or an advisory lock), the modes in which a statement locks it, and its locked rows."""

    table: str
    modes: tuple[str, ...]
    rows: RowLock | None


@dataclass(frozen=True)
class Header:
    """The contract of a file: parameter types, columns as (name, type), indexes of its plan, and locks."""

    types: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    indexes: tuple[str, ...]
    locks: tuple[TableLock, ...]


def header(statement: Statement) -> Header:
    """Read the header of a statement's file; MalformedStatement if a slot is missing or does not fit its grammar."""
    path = statements.ROOT / f"{statement.name}.sql"
    try:
        return _parse(path.read_text(encoding="utf-8").splitlines())
    except MalformedStatement as error:
        raise MalformedStatement(f"sql/{statement.name}.sql: {error}") from None


def _parse(lines: list[str]) -> Header:
    types: list[str] = []
    slots: dict[str, str] = {}
    slot = ""
    for line in itertools.takewhile(lambda line: line.startswith("--"), lines):
        if parameter := _PARAMETER.match(line):
            types.append(parameter["type"])
        elif found := _SLOT.match(line):
            slot = found["slot"]
            slots[slot] = found["text"]
        elif slot:
            slots[slot] += " " + line.removeprefix("--").strip()
    if missing := {"Returns", "Index", "Locks"} - slots.keys():
        raise MalformedStatement(f"the header lacks {', '.join(sorted(missing))}")
    return Header(tuple(types), _columns(slots["Returns"]), _indexes(slots["Index"]), _locks(slots["Locks"]))


def _columns(returns: str) -> tuple[tuple[str, str], ...]:
    columns = returns.partition(";")[0]
    if columns == "none":
        return ()
    return tuple((name, type_) for name, _, type_ in (column.strip().partition(" ") for column in columns.split(",")))


def _indexes(text: str) -> tuple[str, ...]:
    if text == "none":
        return ()
    names = text.split(", ")
    if not _NAMES.fullmatch(text) or "none" in names or len(set(names)) < len(names):
        raise MalformedStatement(f"Index is neither none nor names, each once: {text}")
    return tuple(names)


def _locks(text: str) -> tuple[TableLock, ...]:
    if text == "none":
        return ()
    locks: list[TableLock] = []
    alone = False
    for part in text.split("; "):
        if group := _TABLES.fullmatch(part):
            tables = group["tables"].split(", ")
            locks += [TableLock(table, _modes(group["modes"]), None) for table in tables]
            alone = len(tables) == 1
        elif (rows := _ROWS.fullmatch(part)) and alone:
            table = locks.pop()
            locks.append(TableLock(table.table, table.modes, _row_lock(rows, table)))
            alone = False
        else:
            raise MalformedStatement(f"Locks has neither tables with modes nor one table's rows: {part}")
    if len({lock.table for lock in locks}) < len(locks):
        raise MalformedStatement(f"Locks names a table twice: {text}")
    return tuple(locks)


def _modes(text: str) -> tuple[str, ...]:
    modes = text.split(", ")
    if modes != [mode for mode in MODES if mode in modes]:
        raise MalformedStatement(f"Locks has modes that do not rise from the weakest to the strongest: {text}")
    return tuple(modes)


def _row_lock(rows: re.Match[str], table: TableLock) -> RowLock:
    if "RowShareLock" not in table.modes:
        raise MalformedStatement(f"Locks has rows of {table.table} without the RowShareLock that goes with them")
    several = rows["rows"] == "rows"
    if rows["manner"] == "by id" and not several:
        raise MalformedStatement(f"Locks has one row of {table.table} in an order")
    return RowLock(rows["strength"], several, rows["manner"] or "")
