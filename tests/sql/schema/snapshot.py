"""Snapshots: the schema of a database by pg_dump, without the comments of pg_dump."""

import re
import subprocess

from repositories.postgres.statements import ROOT
from tests.harness.programs import PROGRAMS

HEADER = """\
-- The {database} database after every migration: tables, views, functions, indexes, constraints and comments.
-- `make schema` writes this file from pg_dump; a test holds it to the migrations. Folio does not run it.

"""
TOKEN = re.compile(r"^\\(un)?restrict .*\n", re.MULTILINE)
"""pg_dump writes a random token."""
NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*)\n", re.MULTILINE)
"""Comments of pg_dump, and settings of its session."""


def dump(conninfo: str) -> str:
    """Return the schema of a database; on one server, equal schemas give equal texts."""
    command = [str(PROGRAMS / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", f"--dbname={conninfo}"]
    return TOKEN.sub("", subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def snapshot(conninfo: str, database: str) -> str:
    """Return the schema of a database in the form of the file under sql/."""
    schema = re.sub(r"\n{2,}", "\n\n", NOISE.sub("", dump(conninfo))).strip()
    return HEADER.format(database=database) + schema.replace(";\n\nCOMMENT ON", ";\nCOMMENT ON") + "\n"


def committed(database: str) -> str:
    """Return the committed snapshot."""
    return (ROOT / database / "schema.sql").read_text(encoding="utf-8")
