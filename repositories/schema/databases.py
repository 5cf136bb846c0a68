"""The two databases of Folio, and how they are created on the embedded server."""

import psycopg

from repositories import server
from repositories.postgres import connections
from repositories.postgres.errors import fault
from repositories.postgres.statements import statement
from repositories.schema import migrations

DATABASES = ("main", "catalog")
CREATE = {database: statement(f"{database}/database/create") for database in DATABASES}


def embedded_name(database: str) -> str:
    """Return the name that a database has on the embedded server."""
    return f"folio_{database}"


async def create_databases(conninfo: str) -> None:
    """Create the databases that the embedded server lacks; `conninfo` leads to any database of it, as its superuser."""
    async with connections.connect(
        conninfo, purpose="migrate", budgets=migrations.BUDGETS, patience=migrations.ANSWER_SECONDS
    ) as connection:
        names = await server.read_databases(connection)
        for database in DATABASES:
            if embedded_name(database) in names:
                continue
            try:
                await CREATE[database].run(connection)
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                continue  # another command created it in the meantime
            except psycopg.Error as error:
                raise fault(error) from error
