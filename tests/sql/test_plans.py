"""What `make plans` measures and how it judges, on databases too small to take minutes."""

import os
from collections.abc import Iterator

import psycopg
import pytest

from repositories.postgres.statements import ROOT
from tests.harness import templates
from tests.plans import document, filling
from tests.plans.explained import buffers
from tests.plans.measured import Case, Connection, Measured, cases, measure
from tests.sql.probes import FILES
from tests.sql.test_readme import run

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


def test_every_file_has_its_parameters(main: Connection) -> None:
    """Every statement file is measured, or says why it has no plan."""
    chosen = cases(main)
    assert unmeasured(main, FILES) == []
    assert {case.file for case in chosen} <= set(FILES)
    assert all(case.arguments is not None or case.exception for case in chosen)


def unmeasured(connection: Connection, names: list[str]) -> list[str]:
    """Return a line for each file that no case measures."""
    measured = {case.file for case in cases(connection)}
    return [
        f"sql/{name}.sql has no case: add one to sql/plans/parameters.sql" for name in names if name not in measured
    ]


def test_only_audits_may_read_whole_tables(main: Connection) -> None:
    """An exception is made for each audit file, by name, and for no other file that has a plan."""
    excepted = {case.file for case in cases(main) if case.arguments is not None and case.exception}
    assert excepted == {file for file in FILES if file.startswith("main/invariants/")}


def test_the_document_has_every_case(main: Connection) -> None:
    """docs/plans.md names the cases that are measured, each once, and no other."""
    documented = document.read(document.PATH.read_text())
    assert list(documented) == [(case.file, case.situation) for case in cases(main) if case.arguments is not None]


def test_a_lost_index_is_reported(main: Connection) -> None:
    """A page by index is fine; without the index, the table is read whole and the plan another (negative control)."""
    good = measure(main, LIST, {"posts"})
    documented = document.read(document.write("", "", [good], []))
    assert document.differences([good], documented, same_version=True) == []
    with main.transaction(force_rollback=True):
        main.execute("DROP INDEX posts_created_at_idx")
        bad = measure(main, LIST, {"posts"})
    found = document.differences([bad], documented, same_version=True)
    assert [line.split(":")[1].split()[0] for line in found] == ["reads", "another"]
    assert bad.buffers > good.buffers


def test_a_small_table_may_be_read_whole(main: Connection) -> None:
    """A sequential scan of a table that is not large is no fault, and none of an excepted file is."""
    with main.transaction(force_rollback=True):
        main.execute("DROP INDEX posts_created_at_idx")
        assert measure(main, LIST, {"holds"}).read_whole == ()
        assert measure(main, Case(LIST.file, "", LIST.arguments, "reads all"), {"posts"}).read_whole == ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"buffers": 111}, "main/x (y): read 111 buffers, its budget is 110: Limit"),
        ({"rows": 6}, "main/x (y): 6 rows, documented 5"),
        ({"shape": "Sort"}, "main/x (y): another plan\n  documented generic Limit\n  planned    generic Sort"),
        ({"kind": "custom"}, "main/x (y): another plan\n  documented generic Limit\n  planned    custom Limit"),
        ({"read_whole": ("posts",)}, "main/x (y): reads all of posts"),
        ({"situation": ""}, "main/x: not in docs/plans.md"),
    ],
)
def test_each_difference_is_a_line(changed: dict[str, object], said: str) -> None:
    """Whatever differs from the document is said precisely, and within the budget nothing is."""
    was = {"file": "main/x", "situation": "y", "kind": "generic", "shape": "Limit", "rows": 5, "buffers": 60}
    documented = document.read(document.write("", "", [Measured(**was)], []))  # type: ignore[arg-type]
    within = Measured(**was | {"buffers": 110})  # type: ignore[arg-type]
    assert document.differences([within], documented, same_version=True) == []
    now = Measured(**was | changed)  # type: ignore[arg-type]
    assert document.differences([now], documented, same_version=True)[0] == said


def test_plans_are_compared_on_their_own_version_alone() -> None:
    """Another version may plan otherwise, within the same budget."""
    was, now = (Measured("main/x", "", "generic", shape, 5, 60) for shape in ("Limit", "Sort"))
    documented = document.read(document.write("", "", [was], []))
    assert document.differences([now], documented, same_version=False) == []


def test_an_array_may_cost_more_on_other_versions_alone() -> None:
    """Four buffers more for each element, where the index is descended for each; more, or on 18, is reported."""
    case = {"file": "main/purchases/known", "situation": "1,000 purchases", "kind": "generic", "shape": "x", "rows": 1}
    documented = document.read(document.write("", "", [Measured(**case, buffers=7)], []))  # type: ignore[arg-type]
    for buffers_read, same_version, found in ((4031, False, 0), (4032, False, 1), (4031, True, 1)):
        now = Measured(**case, buffers=buffers_read)  # type: ignore[arg-type]
        assert len(document.differences([now], documented, same_version=same_version)) == found


def test_what_a_writing_expression_reads_is_counted(main: Connection) -> None:
    """The buffers of a common table expression that writes count, though nobody reads from it."""
    [[explained]] = main.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
        " WITH made AS (INSERT INTO audits (ok, checks) VALUES (TRUE, '[]')) SELECT 1"
    ).fetchall()
    assert explained[0]["Plan"]["Shared Hit Blocks"] == 0
    assert buffers(explained[0]["Plan"]) > 0


@pytest.mark.parametrize("database", ["main", "catalog"])
def test_only_a_fresh_database_is_filled(database: str) -> None:
    """The scripts that fill refuse a database that has rows: what they drop and build again is never anybody's data."""
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


def test_the_databases_to_be_filled_are_made_as_the_page_says() -> None:
    """The first commands of sql/plans/README.md, in the folder sql, with psql alone."""
    page = (ROOT / "plans" / "README.md").read_text(encoding="utf-8")
    made = page.partition("```sh\n")[2].partition("```")[0]
    name = f"{os.environ[templates.PREFIX]}_big"
    try:
        done = run(["bash", "-e"], made.replace("big_", f"{name}_"), templates.conninfo("postgres"), folder=ROOT)
        assert (done.returncode, done.stderr) == (0, "")
        for database, table in (("main", "entries"), ("catalog", "products")):
            with psycopg.connect(templates.conninfo(f"{name}_{database}")) as connection:
                assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)
    finally:
        for database in ("main", "catalog"):
            templates.drop(f"{name}_{database}")
