"""Debian's PgBouncer in front of a server; tests are skipped without it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.harness.processes import free_port, until
from tests.harness.servers import answers

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def pgbouncer(conninfos: Mapping[str, str], mode: str) -> Iterator[dict[str, str]]:
    """Run PgBouncer in a pool mode; yield the connection strings through it."""
    if PROGRAM is None:
        pytest.skip("there is no pgbouncer: apt install pgbouncer")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="folio-pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = conninfo_to_dict(next(iter(conninfos.values())))
        (folder / "users").write_text(f'"{server["user"]}" "{server.get("password", "")}"\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={server['host']} port={server.get('port', 5432)}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {folder}/users\npool_mode = {mode}\n"
            "server_login_retry = 1\nignore_startup_parameters = extra_float_digits\n"
        )
        with (folder / "log").open("wb") as log:
            account = _account(str(server["host"]))
            process = subprocess.Popen([PROGRAM, f"{folder}/pgbouncer.ini"], stdout=log, stderr=log, **account)
            try:
                through = {
                    database: make_conninfo(conninfo, host="127.0.0.1", port=port, hostaddr="127.0.0.1")
                    for database, conninfo in conninfos.items()
                }
                until(lambda: answers(next(iter(through.values()))), 20)
                yield through
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(20)


def _account(host: str) -> dict[str, Any]:
    """Return options of Popen: PgBouncer does not run as root, but as the owner of the server's socket or as nobody."""
    if os.geteuid() != 0:
        return {}
    owner = Path(host).stat() if host.startswith("/") else None
    user = pwd.getpwuid(owner.st_uid) if owner and owner.st_uid else pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
