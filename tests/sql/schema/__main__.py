"""`make schema` and `make diagram`: write the snapshots or the diagram, from a new embedded server."""

import sys

from repositories.postgres.statements import ROOT
from tests.harness import postgres, templates
from tests.sql.schema import diagram, snapshot


def main(document: str) -> None:
    """Write the `snapshots` or the `picture`."""
    with postgres.embedded() as admin:
        templates.create(admin)
        with templates.clones() as conninfos:
            if document == "snapshots":
                for database, conninfo in conninfos.items():
                    text = snapshot.snapshot(conninfo, database)
                    (ROOT / database / "schema.sql").write_text(text, encoding="utf-8")
            else:
                diagram.PICTURE.write_text(diagram.draw(diagram.source(conninfos)), encoding="utf-8")
        templates.disconnect()


if __name__ == "__main__":
    main(sys.argv[1])
