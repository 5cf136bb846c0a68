"""Connections: the reasons for which they end."""

import socket
import struct

import pytest

from repositories.postgres import connections


def test_hanging_up_on_a_reset_connection_raises_nothing() -> None:
    """The socket is shut down already; the caller has another error to report."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()  # a reset
        with pytest.raises(ConnectionResetError):
            client.recv(1)

        class Reset:
            closed = False

            def fileno(self) -> int:
                return client.fileno()

        with pytest.raises(OSError, match="not connected"):
            client.shutdown(socket.SHUT_RDWR)
        connections.hang_up(Reset())  # type: ignore[arg-type]
        client.close()
