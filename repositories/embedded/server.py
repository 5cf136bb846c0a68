"""The embedded server as the rest of Folio sees it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from repositories.embedded import home
from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.supervisor import Supervisor


class EmbeddedServer:
    """The PostgreSQL of one data folder, for any number of processes at once.

    `announce` hears, in a line each, what takes long or is out of the ordinary; also from another thread. Settings in
    `postgres_options` come before PostgreSQL's defaults and Folio's log settings, not before where the server listens.
    """

    def __init__(
        self,
        data_dir: Path,
        announce: Callable[[str], None] = lambda line: None,  # noqa: ARG005 the name tells what a line is
        postgres_options: Mapping[str, str] = {},
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._announce = announce
        self._options = postgres_options

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Have the server answer, with its superuser able to connect, from here to the end of the context.

        The first process to ask starts it and supervises it; others use it, and one of them takes it over when that
        process goes. It starts again whenever it ends. Leaving stops it if this process supervises it, in bounded
        time. Raises EmbeddedServerError where it cannot be had; blocks, the first time for as long as initdb takes.
        """
        with _as_embedded_server_error(self._data_dir):
            supervisor = Supervisor(*home.prepare(self._data_dir, self._announce), self._announce, self._options)
        try:
            with _as_embedded_server_error(self._data_dir):
                supervisor.start()
            yield
        finally:
            supervisor.stop()

    def conninfo(self, dbname: str) -> str:
        """Return libpq's connection string for a database of this server, from the data folder's files alone.

        So any process may ask once `running` was entered in any. Raises EmbeddedServerError if that never happened.
        """
        return home.find(self._data_dir).conninfo(dbname)


@contextlib.contextmanager
def _as_embedded_server_error(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EmbeddedServerError(f"The data folder {data_dir} cannot be used: {error}") from error
