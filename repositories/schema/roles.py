"""Roles: what `sql/<database>/roles.sql` gives the application."""

from repositories.postgres.statements import ROOT
from repositories.schema import migrations

APPLICATION = "folio_app"
"""The role whose members serve."""
SERVICE = "folio_service"
"""The login that serves on a server of Folio's own; elsewhere logins are the DBA's."""


async def grant(conninfo: str, database: str) -> None:
    """Make the roles and give them their privileges, as often as wanted; the connection's role must be allowed to."""
    await _run(conninfo, f"{database}/roles.sql")


async def admit(conninfo: str) -> None:
    """Make the login that serves on a server of Folio's own; its password is that of the connection string's."""
    await _run(conninfo, "both/service.sql")


async def _run(conninfo: str, script: str) -> None:
    async with migrations.alone(conninfo) as connection:
        await connection.execute((ROOT / script).read_text(encoding="utf-8"), prepare=False)
