"""A TCP proxy that loses the answer to one message, stalls and refuses."""

import contextlib
import socket
import threading
from collections.abc import Callable


class Proxy:
    """A port of 127.0.0.1 that leads to a server. Every connection has two threads."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._marker: bytes | None = None
        self._refusing = False
        self._flowing = threading.Event()
        self._flowing.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_answer_to(self, marker: bytes, *, refuse: bool = False) -> None:
        """Pass the next message that contains `marker` on, and cut its connection in place of the answer.

        With `refuse`, every other connection is then cut too, and new ones are refused until `heal`.
        """
        self._marker, self._refuse = marker, refuse

    def stall(self) -> None:
        """Pass nothing on until `heal`."""
        self._flowing.clear()

    def heal(self) -> None:
        """Pass everything on."""
        self._marker, self._refusing = None, False
        self._flowing.set()

    def close(self) -> None:
        """Cut every connection and accept none."""
        self._listener.close()
        self.heal()
        self._cut_all()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._reach()
                if server is None:
                    client.close()
                    continue
                self._pairs.append((client, server))
                lost = threading.Event()
                for pump in (self._to_server, self._to_client):
                    threading.Thread(target=pump, args=(client, server, lost), daemon=True).start()

    def _reach(self) -> socket.socket | None:
        try:
            return None if self._refusing else self._connect()
        except OSError:
            return None

    def _to_server(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                self._flowing.wait()
                if self._marker is not None and self._marker in data:
                    self._marker, self._refusing = None, self._refuse
                    lost.set()
                server.sendall(data)
        _cut(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while (data := server.recv(65536)) and not lost.is_set():
                self._flowing.wait()
                client.sendall(data)
        _cut(client, server)
        if lost.is_set() and self._refusing:
            self._cut_all()

    def _cut_all(self) -> None:
        for pair in self._pairs:
            _cut(*pair)
        self._pairs.clear()


def _cut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
