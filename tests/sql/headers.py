"""Headers of SQL files: what a statement takes, returns, reads by and locks, as a contract that tests hold it to.

    -- What it is for, in sentences.
    --
    -- $1 ids  bigint[]  accounts.id              ($ none, where it takes nothing)
    --
    -- Returns  id bigint, owner_id bigint;       (none, where it returns nothing)
    --          how many rows, in which order
    -- Index    accounts_pkey
    -- Locks    accounts RowShareLock; its rows FOR NO KEY UPDATE, by id

A slot goes on in the lines below it. After its first semicolon Returns is prose; all else is held to the truth:

Index  `none`, or names. They are the indexes of the generic plan, on tables with some thousand rows, at PostgreSQL's
       default costs, where it avoids reading whole tables (`enable_seqscan = off`); with those by which ON CONFLICT
       decides. `none`: it reads whole tables, or no table, of its own accord. What keys and foreign keys look up is not
       in a plan, nor here.
Locks  `none`, or `tables modes` for all that `pg_locks` shows of a transaction that has run it, at the most: every mode
       on every table, from the weakest to the strongest, with those that foreign keys take; and `advisory` with a key.
       Indexes, sequences and views are left out: they are locked as the tables that they belong to. So is a table that
       the transaction makes: nobody else sees it. What cannot run in a transaction leaves nothing locked.
       After one table may follow `its row` (one at the most) or `its rows`, with the strength in which they are held:
       rows that FOR … or a foreign key locks. Those that the statement writes are locked anyway, as
       RowExclusiveLock says.
       `by id`: each is waited for while those of lower id are held and those of higher id are not.
       `without waiting`: those that somebody else has locked are left out (SKIP LOCKED).
"""

import re
from dataclasses import dataclass

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

_PARAMETER = re.compile(r"-- \$(?P<number>\d+) (?P<name>\w+) +(?P<type>[a-z]\w*(?:\[\])?)(?:  |$)")
_SLOT = re.compile(r"-- (?P<slot>Returns|Index|Locks) +(?P<text>.+)")
_NAMES = re.compile(r"[a-z]\w*(?:, [a-z]\w*)*")
_TABLES = re.compile(
    r"(?P<tables>(?:advisory \d+|[a-z]\w*)(?:, (?:advisory \d+|[a-z]\w*))*) (?P<modes>[A-Z]\w+(?:, [A-Z]\w+)*)"
)
_ROWS = re.compile(
    r"its (?P<rows>rows?) (?P<strength>FOR (?:NO KEY UPDATE|UPDATE|SHARE|KEY SHARE))"
    r"(?:, (?P<manner>by id|without waiting))?"
)


class MalformedStatement(Exception):
    """A file under sql/ whose header is not of the form that this module describes."""


@dataclass(frozen=True)
class RowLock:
    """Rows of a table that a statement locks: how strongly, one or several, `by id`, `without waiting` or neither."""

    strength: str
    several: bool
    manner: str


@dataclass(frozen=True)
class TableLock:
    """A table (or an advisory lock), the modes in which a statement locks it, and its rows that are locked."""

    table: str
    modes: tuple[str, ...]
    rows: RowLock | None


@dataclass(frozen=True)
class Header:
    """What a file promises: parameters and columns as (name, type), the indexes of its plan, the locks it takes."""

    parameters: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]
    indexes: tuple[str, ...]
    locks: tuple[TableLock, ...]


def parse(lines: list[str]) -> Header:
    """Read a header's lines; MalformedStatement says what does not fit."""
    parameters: list[tuple[str, str]] = []
    slots: dict[str, str] = {}
    slot = ""
    for line in lines:
        if parameter := _PARAMETER.match(line):
            if int(parameter["number"]) != len(parameters) + 1:
                raise MalformedStatement(f"${parameter['number']} is out of order")
            parameters.append((parameter["name"], parameter["type"]))
        elif found := _SLOT.match(line):
            slot = found["slot"]
            slots[slot] = found["text"]
        elif slot:
            slots[slot] += " " + line.removeprefix("--").strip()
    missing = {"Returns", "Index", "Locks"} - slots.keys()
    if missing or not (parameters or "-- $ none" in lines):
        raise MalformedStatement(f"the header lacks {', '.join(sorted(missing)) or 'its parameters'}")
    return Header(tuple(parameters), _columns(slots["Returns"]), _indexes(slots["Index"]), _locks(slots["Locks"]))


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
