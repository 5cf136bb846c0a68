"""Snapshots: what pg_dump says of a database, without what it says of itself."""

import re
import subprocess

from repositories.embedded import binaries
from repositories.postgres.statements import ROOT

HEADER = """\
-- The {database} database after every migration: tables, views, functions, indexes, constraints and comments.
-- `make schema` writes this file from pg_dump; a test holds it to the migrations. Folio does not run it.

"""
TOKEN = re.compile(r"^\\(un)?restrict .*\n", re.MULTILINE)
"""Another one in each dump."""
NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*)\n", re.MULTILINE)
"""Lines that tell of pg_dump, of the session or of the next line."""


def dump(conninfo: str) -> str:
    """Return the schema of a database: the same text where it is the same schema on the same server."""
    options = ["--schema-only", "--no-owner", "--no-privileges", f"--dbname={conninfo}"]
    return TOKEN.sub("", subprocess.run([pg_dump(), *options], capture_output=True, text=True, check=True).stdout)


def snapshot(conninfo: str, database: str) -> str:
    """Return the schema of a database as the file under sql/ has it."""
    kept = re.sub(r"\n{2,}", "\n\n", NOISE.sub("", dump(conninfo))).strip()
    return HEADER.format(database=database) + kept.replace(";\n\nCOMMENT ON", ";\nCOMMENT ON") + "\n"


def committed(database: str) -> str:
    """Return the snapshot under sql/."""
    return (ROOT / database / "schema.sql").read_text(encoding="utf-8")


def pg_dump() -> str:
    """Return the path of the program, which reads servers of its own version and older ones."""
    return str(binaries.installed().root / "bin" / "pg_dump")
