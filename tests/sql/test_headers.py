"""Headers have one form, their statements one name and one way to be called, and every file has its caller."""

from collections.abc import Callable
from pathlib import Path

import pytest

from repositories.postgres.headers import MODES, MalformedStatement, RowLock, TableLock
from repositories.postgres.statements import Statement
from tests.sql.probes import FILES


def test_the_slots_are_read_into_their_parts(altered: Callable[[str, str, str], Statement]) -> None:
    """Indexes are names; locks are tables with modes, and with the rows that are locked of one table."""
    header = altered(
        "main/accounts/lock",
        "-- Locks    accounts RowShareLock; its rows FOR NO KEY UPDATE, by id",
        "-- Locks    accounts RowShareLock; its rows FOR NO KEY UPDATE, by id;\n"
        "--          users AccessShareLock, RowShareLock; its row FOR KEY SHARE;\n"
        "--          advisory 7, posts ExclusiveLock",
    ).header
    assert header.indexes == ("accounts_pkey",)
    assert header.locks == (
        TableLock("accounts", ("RowShareLock",), RowLock("FOR NO KEY UPDATE", several=True, manner="by id")),
        TableLock("users", MODES[:2], RowLock("FOR KEY SHARE", several=False, manner="")),
        TableLock("advisory 7", ("ExclusiveLock",), None),
        TableLock("posts", ("ExclusiveLock",), None),
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/* main/accounts/lock */", "/* main/accounts/look */"),
        ("-- Index ", "-- Indx "),
        ("-- $1", "-- $2"),
        ("accounts_pkey", "accounts_pkey or none"),
        ("accounts_pkey", "accounts_pkey, none"),
        ("accounts_pkey", "accounts_pkey, accounts_pkey"),
        ("accounts RowShareLock;", "accounts;"),
        ("accounts RowShareLock;", "accounts RowSharedLock;"),
        ("accounts RowShareLock;", "accounts RowExclusiveLock;"),
        ("accounts RowShareLock;", "accounts RowExclusiveLock, RowShareLock;"),
        ("accounts RowShareLock;", "accounts, users RowShareLock;"),
        ("accounts RowShareLock;", "accounts AccessShareLock; accounts RowShareLock;"),
        ("its rows FOR NO KEY UPDATE", "the rows FOR NO KEY UPDATE"),
        ("its rows FOR NO KEY UPDATE", "its rows FOR NO KEY UPDATE; its rows FOR UPDATE"),
        ("its rows FOR NO KEY UPDATE", "its row FOR NO KEY UPDATE"),
        ("FOR NO KEY UPDATE, by", "FOR KEY UPDATE, by"),
        (", by id\nSELECT", ", by id, without waiting\nSELECT"),
    ],
)
def test_a_malformed_file_is_refused_at_import(
    old: str, new: str, altered: Callable[[str, str, str], Statement]
) -> None:
    """A wrong name, a missing slot, a parameter out of order, and a slot that does not fit its grammar."""
    with pytest.raises(MalformedStatement, match=r"^sql/main/accounts/lock\.sql: "):
        altered("main/accounts/lock", old, new)


def test_a_call_with_other_names_is_refused() -> None:
    """The loader knows each file's parameter names and takes no others."""
    lock = Statement("main/accounts/lock")
    assert lock.arguments({"ids": [1]}) == [[1]]
    for given in ({}, {"id": [1]}, {"ids": [1], "more": 2}):
        with pytest.raises(TypeError):
            lock.arguments(given)


def test_every_file_is_used() -> None:
    """No statement lies about that nobody sends."""
    code = "".join(path.read_text() for folder in ("api", "repositories") for path in Path(folder).rglob("*.py"))
    unused = [
        name for name in FILES if f'"{name}"' not in code and "/invariants/" not in name and "/database/" not in name
    ]
    assert unused == []
