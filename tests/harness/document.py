"""The OpenAPI document in a file, for linters: `python -m tests.harness.document FILE`."""

import json
import sys
from pathlib import Path

from api.app import create_app
from api.process.settings import Settings


def main(path: str) -> None:
    """Write the document. No database is needed."""
    settings = Settings(
        main_database_url="postgresql://localhost/main", catalog_database_url="postgresql://localhost/c"
    )
    Path(path).write_text(json.dumps(create_app(settings).openapi(), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
