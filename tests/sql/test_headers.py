"""Headers have one form, statements carry the name of their file, and every file is called."""

from collections.abc import Callable
from pathlib import Path

import pytest

from repositories.postgres.statements import MalformedStatement, Statement
from tests.sql.headers import MODES, RowLock, TableLock, header
from tests.sql.probes import FILES


def test_the_slots_are_read_into_their_parts(altered: Callable[[str, str, str], Statement]) -> None:
    """Indexes are names; locks are tables with modes, and with the locked rows of one table."""
    statement = altered(
        "main/accounts/lock",
        "-- Locks    accounts AccessShareLock, RowShareLock; its rows FOR NO KEY UPDATE, by id",
        "-- Locks    accounts RowShareLock; its rows FOR NO KEY UPDATE, by id;\n"
        "--          users AccessShareLock, RowShareLock; its row FOR KEY SHARE;\n"
        "--          advisory 7, posts ExclusiveLock",
    )
    assert header(statement).indexes == ("accounts_pkey",)
    assert header(statement).locks == (
        TableLock("accounts", ("RowShareLock",), RowLock("FOR NO KEY UPDATE", several=True, manner="by id")),
        TableLock("users", MODES[:2], RowLock("FOR KEY SHARE", several=False, manner="")),
        TableLock("advisory 7", ("ExclusiveLock",), None),
        TableLock("posts", ("ExclusiveLock",), None),
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/* main/accounts/lock */", "/* main/accounts/look */"),
        ("-- $1 from_ids  bigint[]  accounts.id that pay\n", ""),
        ("-- $1", "-- $2"),
        ("-- $1 from_ids  bigint[]", "-- $1 from_ids"),
        ("-- $1 from_ids", "-- $ none\n-- $1 from_ids"),
    ],
)
def test_a_malformed_file_is_refused_at_import(
    old: str, new: str, altered: Callable[[str, str, str], Statement]
) -> None:
    """A file with another name, without parameters or with parameters out of order fails with its path."""
    with pytest.raises(MalformedStatement, match=r"^sql/main/accounts/lock\.sql: "):
        altered("main/accounts/lock", old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-- Index ", "-- Indx "),
        ("accounts_pkey", "accounts_pkey or none"),
        ("accounts_pkey", "accounts_pkey, none"),
        ("accounts_pkey", "accounts_pkey, accounts_pkey"),
        ("accounts AccessShareLock, RowShareLock;", "accounts;"),
        ("accounts AccessShareLock, RowShareLock;", "accounts RowSharedLock;"),
        ("accounts AccessShareLock, RowShareLock;", "accounts RowExclusiveLock;"),
        ("accounts AccessShareLock, RowShareLock;", "accounts RowExclusiveLock, RowShareLock;"),
        ("accounts AccessShareLock, RowShareLock;", "accounts, users RowShareLock;"),
        ("accounts AccessShareLock, RowShareLock;", "accounts AccessShareLock; accounts RowShareLock;"),
        ("its rows FOR NO KEY UPDATE", "the rows FOR NO KEY UPDATE"),
        ("its rows FOR NO KEY UPDATE", "its rows FOR NO KEY UPDATE; its rows FOR UPDATE"),
        ("its rows FOR NO KEY UPDATE", "its row FOR NO KEY UPDATE"),
        ("FOR NO KEY UPDATE, by", "FOR KEY UPDATE, by"),
        (", by id\nSELECT", ", by id, without waiting\nSELECT"),
    ],
)
def test_a_malformed_slot_is_refused_by_tests(
    old: str, new: str, altered: Callable[[str, str, str], Statement]
) -> None:
    """A slot that is missing or does not fit its grammar fails with the path, though the service loads the file."""
    statement = altered("main/accounts/lock", old, new)
    with pytest.raises(MalformedStatement, match=r"^sql/main/accounts/lock\.sql: "):
        header(statement)


def test_a_call_with_other_names_is_refused() -> None:
    """The loader knows each file's parameter names and takes no others."""
    lock = Statement("main/users/lock")
    assert lock.arguments({"id": 1}) == [1]
    for given in ({}, {"ids": [1]}, {"id": 1, "more": 2}):
        with pytest.raises(TypeError):
            lock.arguments(given)


def test_every_file_is_used() -> None:
    """Every statement is named in the code; invariants and databases are run by folder, maintenance by the owner."""
    code = "".join(path.read_text() for folder in ("api", "repositories") for path in Path(folder).rglob("*.py"))
    unused = [
        f"sql/{name}.sql: call it from repositories/{name.split('/')[1]}.py, or delete it"
        for name in FILES
        if f'"{name}"' not in code and name.split("/")[1] not in {"invariants", "database", "maintenance"}
    ]
    assert unused == []
