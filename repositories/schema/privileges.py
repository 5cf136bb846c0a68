"""Privileges: those that roles.sql grants to the role that serves, and those that a login lacks."""

import functools
import re
from dataclasses import dataclass

from repositories.postgres.statements import ROOT, Connection, statement
from repositories.schema import roles

MISSING = statement("both/server/missing_privileges")

_COMMENT = re.compile(r"--[^\n]*")
_GRANT = re.compile(r"\bGRANT ([^;]+?) ON (SEQUENCE |SCHEMA |DATABASE )?([^;]+?) TO ([\w, ]+);")
_PRIVILEGE = re.compile(r"(\w+)(?: \(([^)]*)\))?")


@dataclass(frozen=True)
class Privilege:
    """One privilege on a table, view or sequence, or on one column of it; `attribute` is empty for the whole object."""

    object: str
    attribute: str
    privilege: str

    def __str__(self) -> str:
        column = f" ({self.attribute})" if self.attribute else ""
        return f"{self.privilege}{column} on {self.object}"


@functools.cache
def needed(database: str) -> tuple[Privilege, ...]:
    """Return the privileges that sql/both/roles.sql and sql/<database>/roles.sql grant to folio_app."""
    return tuple(
        Privilege(name, column, kind)
        for script in roles.scripts(database)
        for kinds, scope, names, grantees in _GRANT.findall(_read(script))
        if scope in {"", "SEQUENCE "} and roles.APPLICATION in grantees.split(", ")
        for name in names.split(", ")
        for kind, columns in _PRIVILEGE.findall(kinds)
        for column in columns.split(", ")
    )


async def missing(connection: Connection, database: str) -> list[Privilege]:
    """Return the privileges that the connection's login lacks, such as those on a new table before roles.sql ran."""
    wanted = needed(database)
    return await MISSING.all(
        connection,
        Privilege,
        objects=[privilege.object for privilege in wanted],
        attributes=[privilege.attribute for privilege in wanted],
        privileges=[privilege.privilege for privilege in wanted],
    )


def lacks(database: str, privileges: list[Privilege]) -> str:
    """Return the sentence for privileges that are missing, with its remedy."""
    more = f" and {len(privileges) - 1} more" if len(privileges) > 1 else ""
    files = " and ".join(f"sql/{script}" for script in roles.scripts(database))
    return f"the login lacks {privileges[0]}{more}: run {files}, or `folio migrate --grant`"


def _read(script: str) -> str:
    return (
        " ".join(_COMMENT.sub("", (ROOT / script).read_text(encoding="utf-8")).split())
        .replace("( ", "(")
        .replace(" )", ")")
    )
