"""Roles: the privileges that roles.sql in `sql/both` and `sql/<database>` grant."""

from repositories.postgres.statements import ROOT, Connection, statement
from repositories.schema import migrations

SET = statement("both/session/set")

APPLICATION = "folio_app"
"""The role of logins that serve."""
SERVICE = "folio_service"
"""The login that serves on Folio's embedded server; on other servers logins are the DBA's."""


async def grant(conninfo: str, database: str) -> None:
    """Create the roles and grant their privileges, in one transaction; safe to run again.

    The login must be a superuser, or own the database and have CREATEROLE.
    """
    async with migrations.alone(conninfo) as connection:
        await _run(connection, *scripts(database))


async def admit(conninfo: str, password: str) -> None:
    """Create the login that serves on Folio's embedded server, or give it this password."""
    async with migrations.alone(conninfo) as connection:
        # The verifier is computed here, so that the password is neither sent nor logged.
        verifier = connection.pgconn.encrypt_password(password.encode(), SERVICE.encode(), b"scram-sha-256")
        await SET.run(connection, name="folio.verifier", value=verifier.decode())
        await _run(connection, "both/service.sql")


def scripts(database: str) -> tuple[str, str]:
    """Return the files below sql/ that set the roles of a database up, in order."""
    return "both/roles.sql", f"{database}/roles.sql"


async def _run(connection: Connection, *scripts: str) -> None:
    # Without parameters psycopg sends all statements as one simple query, which is one transaction.
    text = "".join((ROOT / script).read_text(encoding="utf-8") for script in scripts)
    await connection.execute(text, prepare=False)
