"""The measurements and the criteria of `make plans`, on small databases."""

import os
from collections.abc import Iterator

import psycopg
import pytest

from repositories.postgres.statements import ROOT
from tests.bench.databases import FILES as BENCH_DATA
from tests.harness import templates
from tests.harness.programs import run
from tests.plans import document, filling
from tests.plans.measurements import Case, Connection, Measurement, cases, measure
from tests.plans.nodes import buffers
from tests.sql.probes import FILES

LIST = Case("main/posts/list", "", "('9999-12-31', 9223372036854775807, 51)", None)


@pytest.fixture(scope="module")
def main() -> Iterator[Connection]:
    """A main database with a thousand posts."""
    with templates.clones() as conninfos, psycopg.connect(conninfos["main"], autocommit=True) as connection:
        connection.execute("INSERT INTO users (username, username_key) VALUES ('ada', 'ada')")
        connection.execute(
            "INSERT INTO posts (author_id, title, content) SELECT 1, 'title', 'content' FROM generate_series(1, 1000)"
        )
        connection.execute("ANALYZE")
        yield connection


@pytest.fixture(scope="module")
def filled() -> Iterator[Connection]:
    """A main database with 10,000 accounts: on a few rows, any plan is cheap."""
    with templates.clones() as conninfos, psycopg.connect(conninfos["main"], autocommit=True) as connection:
        connection.execute((BENCH_DATA / "main.sql").read_text())
        yield connection


def test_every_file_has_its_parameters(main: Connection) -> None:
    """Every statement file is measured, unless its exception says that it has no plan."""
    all_cases = cases(main)
    assert unmeasured(main, FILES) == []
    assert {case.file for case in all_cases} <= set(FILES)
    assert all(case.arguments is not None or case.exception for case in all_cases)


def unmeasured(connection: Connection, names: list[str]) -> list[str]:
    """Return a line for each file that no case measures."""
    measured = {case.file for case in cases(connection)}
    return [
        f"sql/{name}.sql has no case: add one to sql/plans/parameters.sql" for name in names if name not in measured
    ]


def test_only_audits_may_read_whole_tables(main: Connection) -> None:
    """Each file that an audit alone runs is an exception by name; no other file with a plan is one."""
    exceptions = {case.file for case in cases(main) if case.arguments is not None and case.exception}
    assert exceptions == {file for file in FILES if "/invariants/" in file} | {"catalog/products/count_supplied"}


def test_the_arguments_of_each_case_stand_in_parentheses(main: Connection) -> None:
    """EXECUTE takes them so; `make plans` would find out only after it has filled the databases."""
    given = [case.arguments for case in cases(main) if case.arguments]
    assert all(arguments.startswith("(") and arguments.endswith(")") for arguments in given)


def test_the_document_has_every_case(main: Connection) -> None:
    """docs/plans.md names each measured case once, and no other case."""
    rows = document.read(document.PATH.read_text())
    assert list(rows) == [(case.file, case.situation) for case in cases(main) if case.arguments is not None]


def test_a_lost_index_is_reported(main: Connection) -> None:
    """A page read by index is accepted; without the index, the scan and the changed plan are reported."""
    by_index = measure(main, LIST, {"posts"})
    rows = document.read(document.write("", "", [by_index], []))
    assert document.differences([by_index], rows, same_version=True) == []
    with main.transaction(force_rollback=True):
        main.execute("DROP INDEX posts_created_at_idx")
        by_scan = measure(main, LIST, {"posts"})
    lines = document.differences([by_scan], rows, same_version=True)
    assert [line.split(":")[1].split()[0] for line in lines] == ["reads", "another"]
    assert by_scan.buffers > by_index.buffers


@pytest.mark.parametrize(
    ("file", "arguments", "kind"),
    [
        ("main/api_keys/authenticate", "(sha256('key 7'))", "generic"),
        ("main/accounts/lock_pair", "(1, 3000, 2)", "generic"),
        ("main/idempotency_keys/find", "(2, 'new')", "generic"),
        (
            "main/transfers/insert_one",
            "(1, 3000, 1, NULL, 2, 'new', sha256('new'), NULL, NULL, NULL, NULL, NULL)",
            "generic",
        ),
        ("main/transfers/get", "(20)", "generic"),
        # Negative controls: the same with arrays of one.
        ("main/accounts/lock", "('{1}', '{3000}', '{2}')", "custom"),
        (
            "main/transfers/insert",
            "('{1}', '{3000}', '{1}', '{NULL}', '{2}', '{new}', ARRAY[sha256('new')]" + 5 * ", '{NULL}'" + ")",
            "custom",
        ),
    ],
)
def test_a_single_transfer_is_not_planned_on_each_call(
    filled: Connection, file: str, arguments: str, kind: str
) -> None:
    """With thousands of accounts, PostgreSQL keeps one plan for each statement of a transfer."""
    assert measure(filled, Case(file, "", arguments, None), set()).kind == kind
    assert (file in document.HOT_FILES) == (kind == "generic")


def test_a_small_table_may_be_read_whole(main: Connection) -> None:
    """A sequential scan of a small table is accepted, and so is any scan of an exception."""
    with main.transaction(force_rollback=True):
        main.execute("DROP INDEX posts_created_at_idx")
        assert measure(main, LIST, {"holds"}).sequential_scans == ()
        assert measure(main, Case(LIST.file, "", LIST.arguments, "reads all"), {"posts"}).sequential_scans == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"buffers": 111}, "main/x (y): read 111 buffers, its budget is 110: Limit"),
        ({"rows": 6}, "main/x (y): 6 rows, documented 5"),
        ({"shape": "Sort"}, "main/x (y): another plan\n  documented generic Limit\n  planned    generic Sort"),
        ({"kind": "custom"}, "main/x (y): another plan\n  documented generic Limit\n  planned    custom Limit"),
        ({"sequential_scans": ("posts",)}, "main/x (y): reads all of posts"),
        ({"situation": ""}, "main/x: not in docs/plans.md"),
    ],
)
def test_each_difference_is_a_line(change: dict[str, object], message: str) -> None:
    """Each difference from the document is reported in a line of its own; buffers within the budget are not."""
    old = {"file": "main/x", "situation": "y", "kind": "generic", "shape": "Limit", "rows": 5, "buffers": 60}
    rows = document.read(document.write("", "", [Measurement(**old)], []))  # type: ignore[arg-type]
    within = Measurement(**old | {"buffers": 110})  # type: ignore[arg-type]
    assert document.differences([within], rows, same_version=True) == []
    new = Measurement(**old | change)  # type: ignore[arg-type]
    assert document.differences([new], rows, same_version=True)[0] == message


def test_a_hot_file_with_custom_plans_is_a_difference() -> None:
    """It is reported on every version, even if the document has it as custom."""
    custom = Measurement("main/accounts/lock_pair", "", "custom", "LockRows", 2, 12)
    rows = document.read(document.write("", "", [custom], []))
    for same_version in (True, False):
        lines = document.differences([custom], rows, same_version=same_version)
        assert lines == ["main/accounts/lock_pair: planned again on each call"]


def test_plans_are_compared_on_their_own_version_alone() -> None:
    """Another version may choose another plan within the same budget."""
    old, new = (Measurement("main/x", "", "generic", shape, 5, 60) for shape in ("Limit", "Sort"))
    rows = document.read(document.write("", "", [old], []))
    assert document.differences([new], rows, same_version=False) == []


def test_an_array_may_cost_more_on_other_versions_alone() -> None:
    """Other versions may read four more buffers per element; more buffers, or version 18, are reported."""
    case = {"file": "main/purchases/known", "situation": "1,000 purchases", "kind": "generic", "shape": "x", "rows": 1}
    rows = document.read(document.write("", "", [Measurement(**case, buffers=7)], []))  # type: ignore[arg-type]
    for buffers_read, same_version, line_count in ((4031, False, 0), (4032, False, 1), (4031, True, 1)):
        new = Measurement(**case, buffers=buffers_read)  # type: ignore[arg-type]
        assert len(document.differences([new], rows, same_version=same_version)) == line_count


def test_buffers_of_a_writing_expression_are_counted(main: Connection) -> None:
    """The buffers of a common table expression that writes count, even if the query does not read from it."""
    [[output]] = main.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
        " WITH written AS (INSERT INTO audits (ok, checks) VALUES (TRUE, '[]')) SELECT 1"
    ).fetchall()
    assert output[0]["Plan"]["Shared Hit Blocks"] == 0
    assert buffers(output[0]["Plan"]) > 0


@pytest.mark.parametrize("database", ["main", "catalog"])
def test_only_a_fresh_database_is_filled(database: str) -> None:
    """The scripts refuse a database that has rows, so that they never drop an index under real data."""
    rows = {
        "main": "INSERT INTO users (username, username_key) VALUES ('ada', 'ada')",
        "catalog": "INSERT INTO products (seller_id, account_id, name, description, price, currency, stock)"
        " VALUES (1, 1, 'name', 'description', 1, 'EUR', 1)",
    }
    with templates.clones() as conninfos:
        with psycopg.connect(conninfos[database], autocommit=True) as connection:
            connection.execute(rows[database])
        with pytest.raises(psycopg.errors.RaiseException, match="fill a fresh one"):
            filling.fill(conninfos[database], database, lambda: None)


def test_the_readme_of_plans_creates_the_databases_to_fill() -> None:
    """The first commands of sql/plans/README.md work in the folder sql with psql alone."""
    page = (ROOT / "plans" / "README.md").read_text(encoding="utf-8")
    commands = page.partition("```sh\n")[2].partition("```")[0]
    name = f"{os.environ[templates.PREFIX]}_big"
    try:
        completed = run(
            ["bash", "-e"], commands.replace("big_", f"{name}_"), templates.conninfo("postgres"), folder=ROOT
        )
        assert (completed.returncode, completed.stderr) == (0, "")
        for database, table in (("main", "entries"), ("catalog", "products")):
            with psycopg.connect(templates.conninfo(f"{name}_{database}")) as connection:
                assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)
    finally:
        for database in ("main", "catalog"):
            templates.drop(f"{name}_{database}")
