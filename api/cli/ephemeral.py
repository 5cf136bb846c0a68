"""A service for one test run: empty databases in a folder that is removed at the end, a free port, no limits."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.cli.running import UsageError
from api.cli.terminal import screen
from api.process import startup
from api.process.settings import Settings
from repositories.api_keys import new_secret
from repositories.users import User

UNLIMITED = {
    "PORT": "0",
    "DRAIN_TIME": "0",
    "KEY_CACHE_SECONDS": "0",
    "POOL_SHARE_PER_CALLER": "1",
    "REGISTRATIONS_PER_MINUTE": "0",
    "WRONG_KEYS_PER_MINUTE": "0",
    "REQUESTS_PER_CALLER": "0",
    "ACCOUNTS_PER_USER": "1000000000",
    "KEYS_PER_USER": "1000000000",
    "POSTS_PER_USER": "1000000000",
    "PRODUCTS_PER_USER": "1000000000",
}
"""The settings of an ephemeral service, unless the environment has others."""


@contextmanager
def environment() -> Iterator[None]:
    """Name a new data folder and a new operator's key in the environment until the context ends.

    Raises UsageError if the environment names databases: these would not be empty.
    """
    named = [name for name in ("FOLIO_MAIN_DATABASE_URL", "FOLIO_CATALOG_DATABASE_URL") if name in os.environ]
    if named:
        raise UsageError(f"--ephemeral brings its own databases: unset {' and '.join(named)}.")
    with tempfile.TemporaryDirectory(prefix="folio-") as folder:
        os.environ |= {f"FOLIO_{name}": value for name, value in UNLIMITED.items() if f"FOLIO_{name}" not in os.environ}
        key_file = Path(folder, "operator.key")
        key_file.write_text(new_secret())
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as another user
        key_file.chmod(0o600)
        os.environ |= {"FOLIO_DATA_DIR": f"{folder}/data", "FOLIO_OPERATOR_KEY_FILE": str(key_file)}
        screen.quiet = True
        yield


def started(settings: Settings, url: str, operator: User) -> str:
    """Return one line of JSON: the address, the operator, their key, and the databases for the login that serves."""
    key = Path(os.environ["FOLIO_OPERATOR_KEY_FILE"]).read_text()
    user = {"id": operator.id, "username": operator.username, "api_key": key}
    return json.dumps({"url": url} | user | {"databases": startup.serving(settings)})
