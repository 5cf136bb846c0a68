"""The entry point: keeps the embedded server running while a context is open."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from repositories.embedded import home
from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.lock import Lock
from repositories.embedded.supervisor import Supervisor


class EmbeddedServer:
    """The PostgreSQL of one data folder, shared by any number of processes.

    `announce` is called with a line about each long or unusual step, also from another thread. `postgres_options`
    override PostgreSQL's defaults and Folio's log settings; the server's address is fixed.
    """

    def __init__(
        self,
        data_dir: Path,
        announce: Callable[[str], None] = lambda line: None,  # noqa: ARG005 the name documents the argument
        postgres_options: Mapping[str, str] = {},
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._announce = announce
        self._options = postgres_options

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Keep the server running until the context ends; when it begins, the superuser can connect.

        The first process starts and supervises the server, others join. If the supervising process ends, another one
        takes over; if the server ends, it is restarted. The end of the context stops the server if this process
        supervises it, in bounded time. Blocks until the server answers; the first run also waits for initdb. Raises
        EmbeddedServerError if the server cannot be started.
        """
        with _as_embedded_server_error(self._data_dir):
            supervisor = Supervisor(*home.ensure(self._data_dir, self._announce), self._announce, self._options)
        try:
            with _as_embedded_server_error(self._data_dir):
                supervisor.start()
            yield
        finally:
            supervisor.stop()

    @property
    def exists(self) -> bool:
        """True if the server was created, or another process is creating it; changes nothing."""
        place = home.find(self._data_dir)
        return place.password.exists() or place.cluster.exists() or (place.lock.exists() and Lock(place).taken)

    def conninfo(self, dbname: str, user: str = home.SUPERUSER) -> str:
        """Return libpq's connection string of a database, read from the data folder's files.

        Any process can call this. Raises EmbeddedServerError if no process has run the server yet.
        """
        return home.find(self._data_dir).conninfo(dbname, user)

    def password(self, user: str) -> str:
        """Return the password of a user. Raises EmbeddedServerError if no process has run the server yet."""
        return home.find(self._data_dir).password_of(user)


@contextlib.contextmanager
def _as_embedded_server_error(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EmbeddedServerError(
            f"The data folder {data_dir} cannot be used: {error}. To use another folder, set FOLIO_DATA_DIR."
        ) from error
