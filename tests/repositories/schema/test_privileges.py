"""The privileges that serving needs are those of roles.sql; a login that lacks one is noticed."""

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from repositories.postgres import connections
from repositories.schema import privileges
from repositories.schema.privileges import Privilege
from tests.harness import templates
from tests.harness.expect import problem
from tests.harness.world import World

GRANTED = """
    SELECT relname, '', privilege_type FROM pg_class, aclexplode(relacl)
    WHERE grantee = to_regrole('folio_app') AND relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT relname, attname, privilege_type
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl)
    WHERE grantee = to_regrole('folio_app') AND relnamespace = 'public'::regnamespace
"""


@pytest.fixture(autouse=True)
def _superuser() -> None:
    if not templates.has_roles():
        pytest.skip("only a superuser makes the roles of tests")


@pytest.mark.parametrize("database", ["main", "catalog"])
def test_the_privileges_that_are_checked_are_those_that_roles_sql_grants(
    database: str, databases: dict[str, str]
) -> None:
    """The list is read from the files, and equals PostgreSQL's own."""
    with psycopg.connect(databases[database]) as connection:
        granted = {Privilege(*row) for row in connection.execute(GRANTED).fetchall()}
    assert set(privileges.needed(database)) == granted
    assert len(privileges.needed(database)) == len(granted)


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ("SELECT 1", []),
        ("REVOKE SELECT ON posts FROM folio_app", [Privilege("posts", "", "SELECT")]),
        ("REVOKE UPDATE (title) ON posts FROM folio_app", [Privilege("posts", "title", "UPDATE")]),
        ("REVOKE USAGE ON SEQUENCE transfers_id_seq FROM folio_app", [Privilege("transfers_id_seq", "", "USAGE")]),
        (
            "DROP TABLE leases",
            [
                Privilege("leases", "", "SELECT"),
                Privilege("leases", "name", "INSERT"),
                Privilege("leases", "leased_until", "INSERT"),
                Privilege("leases", "leased_until", "UPDATE"),
            ],
        ),
    ],
)
async def test_each_missing_privilege_is_found(
    change: str, missing: list[Privilege], databases: dict[str, str], served: dict[str, str]
) -> None:
    """On a table, a column, a sequence, and on a table that does not exist."""
    with psycopg.connect(databases["main"], autocommit=True) as connection:
        connection.execute(change.encode())
    async with connections.connect(served["main"], purpose="test") as session:
        assert await privileges.missing(session, "main") == missing


async def test_a_process_without_a_privilege_is_not_ready(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    """The reason names the privilege and the files that grant it."""
    await world.connection.execute("REVOKE INSERT (title) ON posts FROM folio_app")
    detail = problem(await client.get("/readyz"), 503, "not_ready")["detail"]
    assert "lacks INSERT (title) on posts: run sql/both/roles.sql and sql/main/roles.sql" in detail
    assert app
