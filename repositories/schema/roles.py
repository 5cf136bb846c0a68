"""Roles: the privileges that roles.sql in `sql/both` and `sql/<database>` grant."""

from repositories.postgres.statements import ROOT
from repositories.schema import migrations

APPLICATION = "folio_app"
"""The role of logins that serve."""
SERVICE = "folio_service"
"""The login that serves on Folio's embedded server; on other servers logins are the DBA's."""


async def grant(conninfo: str, database: str) -> None:
    """Create the roles and grant their privileges, in one transaction; safe to run again.

    The login must be a superuser, or own the database and have CREATEROLE.
    """
    await _run(conninfo, *scripts(database))


async def admit(conninfo: str) -> None:
    """Create the login that serves on Folio's embedded server; it gets the password of the connection's own login."""
    await _run(conninfo, "both/service.sql")


def scripts(database: str) -> tuple[str, str]:
    """Return the files below sql/ that set the roles of a database up, in order."""
    return "both/roles.sql", f"{database}/roles.sql"


async def _run(conninfo: str, *scripts: str) -> None:
    # Without parameters psycopg sends all statements as one simple query, which is one transaction.
    text = "".join((ROOT / script).read_text(encoding="utf-8") for script in scripts)
    async with migrations.alone(conninfo) as connection:
        await connection.execute(text, prepare=False)
