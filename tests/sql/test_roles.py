"""Roles: each privilege of the application is used by a file under sql/, the reader reads, the owner owns."""

import asyncio
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from repositories.postgres.errors import Defect
from repositories.postgres.statements import ROOT, Statement
from repositories.schema import migrations, roles
from tests.harness import templates
from tests.sql.probes import FILES

MIGRATING = {"both/schema_migrations/create", "both/schema_migrations/insert"}
"""Files that run before the service does, by the login that migrates."""
COMMANDS = {"main/users/set_role"}
"""The file of `folio operator`, by the same login: no login that serves makes operators."""
SERVING = [
    name for name in FILES if name.split("/")[1] not in {"database", "maintenance"} and name not in MIGRATING | COMMANDS
]
HIDDEN = {
    ("api_keys", "digest"),
    ("request_counts", "address"),
    ("users", "email"),
    ("users", "email_key"),
}
"""Columns that the reader may not read."""
RELATIONS = "relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
GRANTS = f"""
    SELECT relname, NULL, privilege_type, grantee::regrole::text
    FROM pg_class, aclexplode(relacl) WHERE {RELATIONS}
    UNION ALL
    SELECT relname, attname, privilege_type, grantee::regrole::text
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl) WHERE {RELATIONS}
    ORDER BY 1, 2, 3, 4
"""
Connection = psycopg.Connection[TupleRow]


@pytest.fixture(autouse=True, scope="module")
def _superuser() -> None:
    if not templates.has_roles():
        pytest.skip("only a superuser makes the roles of tests")


@pytest.fixture(scope="module")
def databases(_superuser: None) -> Iterator[dict[str, str]]:
    """Both databases with their roles; a cloned database lacks the privileges on the database itself."""
    with templates.clones() as conninfos:
        for database, conninfo in conninfos.items():
            asyncio.run(roles.grant(conninfo, database))
        yield conninfos


@pytest.fixture
def reader(databases: dict[str, str]) -> Iterator[Mapping[str, str]]:
    """Connection strings of a login in folio_reader, by database."""
    with templates.login("IN ROLE folio_reader") as reader:
        yield {database: reader(conninfo) for database, conninfo in databases.items()}


def prepare(connection: Connection, names: list[str]) -> dict[str, Statement]:
    """Prepare files under their names, for generic plans."""
    connection.execute("SET plan_cache_mode = force_generic_plan")
    found = {name: Statement(name) for name in names}
    for name, statement in found.items():
        connection.pgconn.prepare(name.encode(), statement.text.encode())
    return found


def refused(connection: Connection, statement: Statement) -> bool:
    """Return True if the session's role lacks a privilege for a prepared file.

    EXPLAIN checks privileges on tables as execution does. Functions check theirs when they are called, so a file
    without parameters is executed.
    """
    arguments = ", ".join("NULL" for _ in statement.parameters)
    run = f'EXPLAIN EXECUTE "{statement.name}" ({arguments})' if arguments else f'EXECUTE "{statement.name}"'
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(run)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


def ungranted(connection: Connection, names: list[str]) -> list[str]:
    """Return a line for each file that the session's role may not run."""
    return [
        f"sql/{name}.sql is refused to folio_app: grant what it needs in sql/{name.split('/')[0]}/roles.sql"
        for name, file in prepare(connection, names).items()
        if refused(connection, file)
    ]


def of(database: str, names: list[str] = SERVING) -> list[str]:
    return [name for name in names if name.split("/")[0] in {database, "both"}]


@pytest.mark.parametrize("database", ["main", "catalog"])
def test_the_application_may_run_every_file_that_serves(database: str, databases: dict[str, str]) -> None:
    """Every file but those of migrations."""
    with psycopg.connect(templates.served(databases[database])) as connection:
        assert ungranted(connection, of(database)) == []


def test_the_application_may_not_migrate(databases: dict[str, str]) -> None:
    """The application may not run the files of migrations (negative control of the test above)."""
    with psycopg.connect(templates.served(databases["main"])) as connection:
        for name in MIGRATING:
            text = Statement(name).text
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                psycopg.RawCursor(connection).execute(text, [1, "", ""] if "$1" in text else None)


@pytest.mark.parametrize("database", ["main", "catalog"])
def test_each_privilege_of_the_application_is_one_that_a_file_uses(database: str, databases: dict[str, str]) -> None:
    """Without the privilege some file is refused; an unused privilege is found (negative control)."""
    with psycopg.connect(databases[database]) as connection:
        files = prepare(connection, of(database))
        connection.execute(f"GRANT DELETE ON {'users' if database == 'main' else 'reservations'} TO folio_app")
        unused = [grant for grant in grants(connection, "folio_app") if not used(connection, files, *grant)]
        assert unused == [("users" if database == "main" else "reservations", None, "DELETE")]
        text = "".join(file.text for file in files.values())
        for (sequence,) in connection.execute(
            "SELECT sequencename FROM pg_sequences"
            " WHERE has_sequence_privilege('folio_app', quote_ident(sequencename), 'USAGE')"
        ).fetchall():
            assert f"nextval('{sequence}')" in text
        connection.rollback()


def grants(connection: Connection, role: str) -> list[tuple[str, str | None, str]]:
    """Return the privileges of a role: the table, the column or None, and the privilege."""
    return [
        (table, column, kind)
        for table, column, kind, grantee in connection.execute(GRANTS).fetchall()
        if grantee == role
    ]


def used(connection: Connection, files: dict[str, Statement], table: str, column: str | None, kind: str) -> bool:
    """Return True if a file is refused without a privilege."""
    with connection.transaction(force_rollback=True):
        connection.execute(f"REVOKE {kind} {f'({column})' if column else ''} ON {table} FROM folio_app")
        connection.execute("SET LOCAL ROLE folio_app")
        return any(refused(connection, file) for file in files.values() if table in file.text)


REFUSED = [
    "UPDATE transfers SET amount = amount",
    "UPDATE entries SET amount = amount",
    "DELETE FROM transfers",
    "DELETE FROM entries",
    "TRUNCATE transfers, entries CASCADE",
    "UPDATE changes SET changed_by = NULL",
    "DELETE FROM changes",
    "SELECT FROM entries FOR UPDATE",
    "ALTER TABLE transfers DISABLE TRIGGER transfers_append_only",
    "ALTER TABLE entries DISABLE TRIGGER ALL",
    "DROP TRIGGER entries_append_only ON entries",
    "SET session_replication_role = replica",
    "SET ROLE folio_owner",
    "SELECT setval('transfers_id_seq', 1)",
    "INSERT INTO accounts (owner_id, name, currency, balance) VALUES (1, 'a', 'EUR', 5)",
    "UPDATE idempotency_keys SET answer = NULL",
    "DELETE FROM idempotency_keys",
    "UPDATE purchases SET amount = amount",
    "UPDATE holds SET amount = amount",
    "UPDATE api_keys SET digest = digest",
    "DELETE FROM users",
    "UPDATE users SET role = 'operator'",
    "INSERT INTO users (username, username_key, role) VALUES ('eve', 'eve', 'operator')",
    "UPDATE schema_migrations SET checksum = checksum",
    "CREATE TABLE mine (id bigint)",
    "CREATE TEMPORARY TABLE mine (id bigint)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION mine() RETURNS bigint LANGUAGE sql AS 'SELECT 1'",
    "DROP TABLE posts",
    "ALTER TABLE posts ADD COLUMN mine bigint",
    "CREATE INDEX mine ON posts (title)",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_the_application_may_not_change_the_ledger_nor_the_schema(statement: str, databases: dict[str, str]) -> None:
    """SQLSTATE 42501 for the application; the administrator gets another answer, so the role is the reason."""
    with psycopg.connect(templates.served(databases["main"])) as connection:
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(statement)
        assert caught.value.sqlstate == "42501"
    with psycopg.connect(databases["main"]) as connection:
        state = None
        try:
            connection.execute(statement)
        except psycopg.Error as error:
            state = error.sqlstate
        connection.rollback()
    assert state != "42501"


def test_the_reader_reads_all_but_secrets_and_changes_nothing(
    databases: dict[str, str], reader: Mapping[str, str]
) -> None:
    """The reader reads every column except the hidden ones, runs the audit's files, and has only SELECT."""
    hidden = set()
    for database, conninfo in databases.items():
        with psycopg.connect(conninfo) as connection:
            assert {kind for _, _, kind in grants(connection, "folio_reader")} == {"SELECT"}
        with psycopg.connect(reader[database]) as connection:
            hidden |= set(
                connection.execute(
                    "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
                    f" WHERE {RELATIONS} AND attnum > 0 AND NOT attisdropped"
                    " AND NOT has_column_privilege(pg_class.oid, attnum, 'SELECT')"
                ).fetchall()
            )
            audits = prepare(connection, [name for name in of(database) if "/invariants/" in name])
            assert [name for name, file in audits.items() if refused(connection, file)] == []
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TEMPORARY TABLE mine (id bigint)")
    assert hidden == HIDDEN


@pytest.mark.parametrize("database", ["main", "catalog"])
def test_every_table_view_and_function_is_the_owners_and_every_table_was_decided_upon(
    database: str, databases: dict[str, str]
) -> None:
    """A new table without a line in roles.sql fails here: every privilege is granted by name."""
    with psycopg.connect(databases[database]) as connection:
        assert strays(connection) == []
        connection.execute("CREATE TABLE later (id bigint)")
        assert strays(connection) == ["later"], "negative control"
        connection.rollback()


def strays(connection: Connection) -> list[str]:
    """Return tables, views and functions with a wrong owner, or without privileges for application and reader."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p', 'v', 'm', 'S') AND (relowner <> 'folio_owner'::regrole OR relkind <> 'S' AND NOT ("
        "  has_any_column_privilege('folio_app', oid, 'SELECT')"
        "  AND has_any_column_privilege('folio_reader', oid, 'SELECT')))"
        " UNION ALL SELECT proname FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND proowner <> 'folio_owner'::regrole"
    )
    return [name for (name,) in rows.fetchall()]


@pytest.mark.parametrize("database", ["main", "catalog"])
async def test_running_it_again_changes_nothing_and_revokes_other_grants(
    database: str, databases: dict[str, str]
) -> None:
    """The grants are those of the files, even if others were added by hand."""
    table = "transfers" if database == "main" else "products"
    with psycopg.connect(databases[database], autocommit=True) as connection:
        before = connection.execute(GRANTS).fetchall()
        await roles.grant(databases[database], database)
        assert connection.execute(GRANTS).fetchall() == before
        connection.execute(f"GRANT ALL ON {table} TO folio_app, folio_reader")
        assert connection.execute(GRANTS).fetchall() != before
        await roles.grant(databases[database], database)
        assert connection.execute(GRANTS).fetchall() == before


async def test_a_failure_in_the_second_file_undoes_the_first(
    databases: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both files are one transaction, so a service that runs meanwhile never finds its privileges revoked."""
    for script in roles.scripts("main"):
        (tmp_path / script).parent.mkdir()
        shutil.copy(ROOT / script, tmp_path / script)
    with (tmp_path / "main/roles.sql").open("a") as file:
        file.write("SELECT 1 / 0;")
    monkeypatch.setattr(roles, "ROOT", tmp_path)
    with psycopg.connect(databases["main"], autocommit=True) as connection:
        before = connection.execute(GRANTS).fetchall()
        with pytest.raises(Defect):
            await roles.grant(databases["main"], "main")
        assert connection.execute(GRANTS).fetchall() == before


async def test_a_login_in_folio_owner_migrates_and_the_file_runs_before_and_after() -> None:
    """As in sql/README.md: folio_owner owns everything from the start, and the application may serve."""
    with templates.login("IN ROLE folio_owner") as migrating, templates.empty() as conninfo:
        await roles.grant(conninfo, "main")
        with psycopg.connect(conninfo, autocommit=True) as admin:
            user = conninfo_to_dict(migrating(conninfo))["user"]
            admin.execute(f"ALTER ROLE {user} SET role TO folio_owner")
            await migrations.migrate(migrating(conninfo), "main", lambda _: None)
            owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname = ANY(%s)"
            assert admin.execute(owners, (["users", "entries", "transfer_details"],)).fetchall() == [("folio_owner",)]
            assert strays(admin) != [], "the application has no privileges yet"
            await roles.grant(conninfo, "main")
            assert strays(admin) == []
        assert await migrations.pending(templates.served(conninfo), "main") == []


def test_a_role_that_did_not_create_the_roles_is_told_which_did() -> None:
    """From PostgreSQL 16 on, CREATEROLE alone cannot grant folio_owner: the refusal names the creator."""
    if templates.server_version() < 16:
        pytest.skip("CREATEROLE grants every role before PostgreSQL 16")
    with templates.login("CREATEROLE") as other, templates.empty() as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {admin.info.dbname} OWNER TO {conninfo_to_dict(other(conninfo))['user']}")
        with psycopg.connect(other(conninfo)) as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="may not grant folio_owner") as refused:
                connection.execute((ROOT / "both/roles.sql").read_text())
            assert "created folio_owner: a superuser." in str(refused.value.diag.message_hint)


@pytest.mark.parametrize("database", ["main", "catalog"])
async def test_an_owner_with_createrole_needs_no_superuser(database: str) -> None:
    """CREATEROLE and the grants of the files are enough, even if no superuser created the roles."""
    prefix = f"folio_test_{secrets.token_hex(4)}_"
    text = "".join((ROOT / script).read_text() for script in roles.scripts(database)).replace("folio_", prefix)
    table = "transfers" if database == "main" else "products"
    with (
        templates.login("CREATEROLE") as owner,
        templates.empty() as conninfo,
        psycopg.connect(conninfo, autocommit=True) as admin,
    ):
        user = conninfo_to_dict(owner(conninfo))["user"]
        admin.execute(f"ALTER DATABASE {admin.info.dbname} OWNER TO {user}")
        await migrations.migrate(owner(conninfo), database, lambda _: None)
        with psycopg.connect(owner(conninfo), autocommit=True) as connection:
            for _ in range(2):
                connection.execute(text)
        held = "SELECT relowner::regrole::text, has_table_privilege(%s, oid, 'SELECT') FROM pg_class"
        found = admin.execute(f"{held} WHERE relname = %s", (f"{prefix}app", table)).fetchone()
        for role in ("owner", "app", "reader"):
            admin.execute(f"REASSIGN OWNED BY {prefix}{role} TO CURRENT_USER")
            admin.execute(f"DROP OWNED BY {prefix}{role}")
            admin.execute(f"DROP ROLE {prefix}{role}")
    assert found == (f"{prefix}owner", True)
