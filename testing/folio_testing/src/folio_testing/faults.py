"""A Folio whose answers, COMMITs and catalog fail on request, on the databases of another one."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from folio_testing.proxy import Proxy
from folio_testing.service import PATIENCE, Folio, running

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""COMMIT as Folio sends it to PostgreSQL."""
SETTINGS = {
    "FOLIO_REQUEST_TIMEOUT": "3",
    "FOLIO_DRAIN_TIME": "0",
    "FOLIO_KEY_CACHE_SECONDS": "0",
    "FOLIO_SWEEP_INTERVAL": "3600",  # the first Folio runs the jobs: no COMMIT of theirs is lost here
    "FOLIO_AUDIT_INTERVAL": "0",
}
"""A short deadline, so that a test waits no longer than it must for 503."""


class Faults:
    """An address, `url`, under which the failures below happen on request; the users are those of `folio`."""

    def __init__(self, front: Proxy, databases: dict[str, Proxy]) -> None:
        self._front = front
        self._databases = databases
        self.url = f"http://127.0.0.1:{front.port}"

    @classmethod
    @contextmanager
    def serve(cls, folio: Folio) -> Iterator["Faults"]:
        """Run a second `folio serve` on the databases of `folio`, behind proxies, until the context ends."""
        databases = {name: _proxied(conninfo) for name, conninfo in folio.databases.items()}
        settings = {f"FOLIO_{name.upper()}_DATABASE_URL": conninfo for name, (_, conninfo) in databases.items()}
        port = _free_port()
        with running("serve", "--port", str(port), settings=SETTINGS | settings) as process:
            front = Proxy(lambda: socket.create_connection(("127.0.0.1", port)))
            faults = cls(front, {name: proxy for name, (proxy, _) in databases.items()})
            deadline = time.monotonic() + PATIENCE
            while not _ready(faults.url):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("The second `folio serve` did not start; its log is above.")
                time.sleep(0.1)
            try:
                yield faults
            finally:
                faults.heal()
                front.close()
        for proxy, _ in databases.values():
            proxy.close()

    def lose_answer(self) -> None:
        """Serve the next request and cut its connection in place of the answer."""
        self._front.lose_answer_to(b"HTTP/1.1\r\n")

    def lose_commit(self) -> None:
        """Let the next COMMIT in main succeed and its confirmation be lost, and main be away until `heal`.

        The request is answered 503 `outcome_unknown`, and repeats under the same Idempotency-Key are too; after `heal`
        a repeat gets the first answer.
        """
        self._databases["main"].lose_answer_to(COMMIT, refuse=True)

    def stall_catalog(self) -> None:
        """Let the catalog answer nothing until `heal`: a purchase is answered 503, or 202 if it had begun."""
        self._databases["catalog"].stall()

    def heal(self) -> None:
        """End every failure."""
        for proxy in (self._front, *self._databases.values()):
            proxy.heal()


def _proxied(conninfo: str) -> tuple[Proxy, str]:
    """Return a proxy to a server, and the connection string that leads through it."""
    parts = dict(part.split("=", 1) for part in conninfo.split())

    def connect() -> socket.socket:
        if not parts["host"].startswith("/"):
            return socket.create_connection((parts["host"], int(parts["port"])))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{parts['host']}/.s.PGSQL.{parts['port']}")
        return server

    proxy = Proxy(connect)
    through = parts | {"host": "127.0.0.1", "port": str(proxy.port), "sslmode": "disable"}
    return proxy, " ".join(f"{name}={value}" for name, value in through.items())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.TransportError:
        return False
