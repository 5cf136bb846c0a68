"""`folio import`: every line once, in order, also after a run that failed."""

import asyncio
import json
import signal
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.harness.launcher import PATIENCE, Process
from tests.harness.processes import CompletedCommand, command, environment, until
from tests.harness.proxy import Trouble, proxy
from tests.harness.world import World

HEADER = "key,from_account_id,to_account_id,amount,currency,description,reference,occurred_at\n"


@pytest.fixture
def settings(served: dict[str, str]) -> dict[str, str]:
    """The login that serves suffices."""
    return {"FOLIO_MAIN_DATABASE_URL": served["main"], "FOLIO_CATALOG_DATABASE_URL": served["catalog"]}


@pytest.fixture
async def accounts(world: World) -> tuple[int, int]:
    """The accounts of two members, of which the first may owe money; and an operator."""
    await world.person("root", role="operator")
    ada, bob = await world.person("ada"), await world.person("bob")
    return await world.account(ada, minimum=None), await world.account(bob)


def imported(file: Path, text: str, settings: dict[str, str], *options: str) -> tuple[int, dict[str, Any]]:
    """Write a file and import it; return the exit status and the JSON result."""
    file.write_text(text, newline="")
    done = command("import", str(file), "--as", "root", "--json", *options, settings=settings)
    assert done.stderr == "", done.stderr
    return done.returncode, json.loads(done.stdout)


async def test_each_line_is_a_transfer_once(
    settings: dict[str, str], accounts: tuple[int, int], world: World, tmp_path: Path
) -> None:
    """Columns stand in any order, fields may be quoted, and no run or file adds a line that was imported."""
    payer, payee = accounts
    text = (
        "\ufeffamount,key,to_account_id,from_account_id,description,occurred_at,reference\r\n"
        f'1250,a-1,{payee},{payer},"Lunch, ""late""\r\nand long",2019-01-31T12:00:00+01:00,invoice-1\r\n'
        f"50,a-2,{payee},{payer},,,\r\n"
    )
    good = {"dry_run": False, "lines": 2, "bad_lines": [], "refused": None}
    assert imported(tmp_path / "a", text, settings) == (0, good | {"imported": 2, "imported_earlier": 0})
    assert imported(tmp_path / "a", text, settings) == (0, good | {"imported": 0, "imported_earlier": 2})
    other = HEADER + f"a-2,{payer},{payee},50,,,,\nb-1,{payer},{payee},7,EUR,,,\n"
    assert imported(tmp_path / "b", other, settings) == (0, good | {"imported": 1, "imported_earlier": 1})
    rows = await world.connection.execute(
        "SELECT amount, description, reference, metadata::text FROM transfers ORDER BY id"
    )
    assert await rows.fetchall() == [
        (1250, 'Lunch, "late"\r\nand long', "invoice-1", '{"occurred_at":"2019-01-31T11:00:00.000000Z"}'),
        (50, None, None, None),
        (7, None, None, None),
    ]
    assert await world.value("SELECT balance FROM accounts WHERE id = %s", payee) == 1307
    audit = command("audit", "--json", settings=settings)
    assert audit.returncode == 0, audit.stdout


async def test_bad_lines_are_listed_and_nothing_is_imported(
    settings: dict[str, str], accounts: tuple[int, int], world: World, tmp_path: Path
) -> None:
    """With --dry-run and without."""
    payer, payee = accounts
    dollars = await world.account(await world.person("eve"), currency="USD")
    lines = [
        f"good,{payer},{payee},1,EUR,,,",
        f"float,{payer},{payee},12.50,EUR,,,",
        f"sign,{payer},{payee},-1,EUR,,,",
        f"much,{payer},{payee},9007199254740992,EUR,,,",
        f"nobody,{payer},999,1,EUR,,,",
        f"same,{payer},{payer},1,EUR,,,",
        f"dollars,{payer},{dollars},1,,,,",
        f"currency,{payer},{payee},1,EUX,,,",
        f"time,{payer},{payee},1,EUR,,,yesterday",
        f"good,{payer},{payee},2,EUR,,,",
        f",{payer},{payee},1,EUR,,,",
        f"fields,{payer},{payee}",
    ]
    faults = {
        3: "amount: must contain only digits",
        4: "amount: must contain only digits",
        5: "amount: input should be less than or equal to 9007199254740991",
        6: "There is no account 999.",
        7: "The two accounts are the same.",
        8: "The currencies differ: EUR, USD.",
        9: "currency: must be an ISO 4217 currency code",
        10: "occurred_at: must be an RFC 3339 time",
        11: "The key 'good' stands on line 2 already.",
        12: "key: field required",
        13: "The line has 3 fields, the header 8.",
    }
    for options in ((), ("--dry-run",)):
        status, result = imported(tmp_path / "file", HEADER + "\n".join(lines), settings, *options)
        assert (status, result["lines"], result["imported"]) == (1, 12, 0)
        listed = {fault["line"]: fault["detail"] for fault in result["bad_lines"]}
        assert list(listed) == list(faults)
        for number, detail in faults.items():
            assert listed[number].startswith(detail), listed[number]
    assert await world.value("SELECT count(*) FROM transfers") == 0
    assert await world.value("SELECT count(*) FROM idempotency_keys") == 0


@pytest.mark.parametrize(
    ("content", "line", "detail"),
    [
        (b"", 1, "The file has no header line."),
        (b"key,amount,from_account_id\n", 1, "The column to_account_id is missing."),
        (b"key,key,amount,from_account_id,to_account_id\n", 1, "The column key stands twice."),
        (b"key,amount,from_account_id,to_account_id,fee\n", 1, "There is no column 'fee'"),
        (b'key,amount,from_account_id,to_account_id\n1,1,1,2\n"1"2,1,1,2\n', 3, "This is no CSV"),
        (b"key,amount,from_account_id,to_account_id\n\xff,1,1,2\n", 1, "From here on, the file is not UTF-8"),
    ],
)
async def test_a_file_that_is_no_import_is_refused_by_its_line(
    settings: dict[str, str], accounts: tuple[int, int], tmp_path: Path, content: bytes, line: int, detail: str
) -> None:
    del accounts
    (tmp_path / "file").write_bytes(content)
    done = command("import", str(tmp_path / "file"), "--as", "root", "--json", settings=settings)
    found = [fault for fault in json.loads(done.stdout)["bad_lines"] if fault["detail"].startswith(detail)]
    assert (done.returncode, [fault["line"] for fault in found]) == (1, [line]), done.stdout


async def test_the_first_refused_line_ends_the_run_and_a_later_run_goes_on(
    settings: dict[str, str], accounts: tuple[int, int], world: World, tmp_path: Path
) -> None:
    """What was applied stays. A refusal is not stored under the line's key, other content under a key is refused."""
    payer, payee = accounts
    text = HEADER + f"1,{payer},{payee},5,,,,\n2,{payee},{payer},9,,,,\n3,{payer},{payee},5,,,,\n"
    status, result = imported(tmp_path / "file", text, settings)
    assert (status, result["imported"], result["refused"]["line"]) == (1, 1, 3)
    assert result["refused"]["detail"].startswith("insufficient_funds: ")
    await world.fund(payee, 100)
    status, result = imported(tmp_path / "file", text, settings)
    assert (status, result["imported"], result["imported_earlier"], result["refused"]) == (0, 2, 1, None)
    changed = HEADER + f"4,{payer},{payee},5,,,,\n2,{payee},{payer},8,,,,\n"
    status, result = imported(tmp_path / "changed", changed, settings)
    assert (status, result["imported"]) == (1, 1)
    assert result["refused"] == {
        "line": 3,
        "detail": "idempotency_key_reused: The key '2' was used for another transfer.",
    }


def many(accounts: tuple[int, int], number: int) -> str:
    """Return a file of many lines, between two accounts in turn."""
    pairs = (accounts, accounts[::-1])
    return HEADER + "".join(f"{n},{pairs[n % 2][0]},{pairs[n % 2][1]},{1 + n % 2},,,,\n" for n in range(number))


async def test_a_run_that_was_killed_goes_on_where_it_was(
    settings: dict[str, str], databases: dict[str, str], accounts: tuple[int, int], world: World, tmp_path: Path
) -> None:
    """Every line is one transfer, and the audit is clean."""
    number = 12_000
    await world.fund(accounts[1], number)
    file = tmp_path / "file"
    file.write_text(many(accounts, number))
    with tempfile.TemporaryFile("w+") as stdout, psycopg.connect(databases["main"], autocommit=True) as sql:
        process = Process(["import", str(file), "--as", "root"], environment(settings), stdout, stdout)
        until(lambda: (sql.execute("SELECT count(*) FROM idempotency_keys").fetchone() or (0,))[0] >= 2000)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    applied = await world.value("SELECT count(*) FROM idempotency_keys")
    assert 2000 <= applied < number
    done = command("import", str(file), "--as", "root", settings=settings)
    expected = f"{number - applied:,} transfers were made, {applied:,} had been made earlier.\n"
    assert (done.returncode, done.stdout) == (0, expected), done.stderr
    assert await world.value("SELECT count(*) FROM idempotency_keys") == number
    audit = command("audit", "--json", settings=settings)
    assert audit.returncode == 0, audit.stdout


async def test_a_lost_commit_and_a_server_that_is_away_delay_a_run(
    settings: dict[str, str], accounts: tuple[int, int], world: World, tmp_path: Path
) -> None:
    """A batch whose COMMIT is lost is found again by its keys."""
    file = tmp_path / "file"
    file.write_text(many((accounts[0], accounts[1]), 2))
    async with proxy(settings["FOLIO_MAIN_DATABASE_URL"]) as network:
        through = settings | {"FOLIO_MAIN_DATABASE_URL": network.conninfo}
        network.trouble = Trouble.CUT_AFTER
        await world.fund(accounts[1], 100)
        done: CompletedCommand = await asyncio.to_thread(
            command, "import", str(file), "--as", "root", "--json", settings=through
        )
        assert network.committing.is_set()
    result = json.loads(done.stdout)
    assert (done.returncode, result["imported"] + result["imported_earlier"]) == (0, 2), done.stderr
    assert await world.value("SELECT count(*) FROM idempotency_keys") == 2


@pytest.mark.parametrize("name", ["nobody", "ada"])
async def test_only_an_operator_imports(
    settings: dict[str, str], accounts: tuple[int, int], tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text(many(accounts, 1))
    done = command("import", str(tmp_path / "file"), "--as", name, settings=settings)
    assert (done.returncode, done.stderr.strip()) == (2, f"error: There is no operator {name}.")
