"""Three nodes of Patroni with one etcd, and HAProxy before them: Debian's packages, on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from tests.harness.processes import free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator

SEARCH = f"{os.environ['PATH']}:/usr/sbin"
PROGRAMS = ("patroni", "etcd", "haproxy")
PASSWORD = "folio"
DCS = {
    "ttl": 20,
    "loop_wait": 2,
    "retry_timeout": 3,
    "maximum_lag_on_failover": 1048576,
    "synchronous_mode": True,
    "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 100, "wal_keep_size": "256MB"}},
}
"""Patroni's settings of the cluster; docs/failover.md shows them."""
HAPROXY = """\
global
    maxconn 500
defaults
    mode tcp
    retries 2
    timeout connect 2s
    timeout check 1s
    timeout client 30m
    timeout server 30m
listen primary
    bind 127.0.0.1:{port}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
"""
"""HAProxy's settings, without the servers; docs/failover.md shows them."""
RUNNING = {"running", "streaming"}
"""States of a member that serves, by Patroni's names."""
MAX_START_SECONDS = 120.0
MAX_ELECTION_SECONDS = 60.0


def missing() -> list[str]:
    """Return the programs that this machine lacks."""
    lacks = [program for program in PROGRAMS if shutil.which(program, path=SEARCH) is None]
    return lacks if _bin_dir() else [*lacks, "postgresql"]


def _bin_dir() -> Path | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return folders[-1] if folders else None


@dataclass
class Node:
    """A node: Patroni, and the PostgreSQL that it runs."""

    name: str
    folder: Path
    port: int
    rest_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def processes(self) -> list[psutil.Process]:
        """Every process of the node."""
        assert self.process is not None
        processes = [psutil.Process(self.process.pid)] if self.process.poll() is None else []
        with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
            postmaster = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
            if postmaster.name() == "postgres":
                processes += [postmaster, *postmaster.children(recursive=True)]
        return processes

    def send(self, sign: signal.Signals) -> None:
        """Send a signal to every process of the node."""
        for process in self.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(sign)


class Cluster:
    """The cluster; its nodes run from `start` to `stop`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._account: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            self._account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(folder, account.pw_uid, account.pw_gid)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._etcd_port, self._haproxy_port = free_port(), free_port()
        self.nodes = [Node(f"node{i}", folder / f"node{i}", free_port(), free_port()) for i in (1, 2, 3)]

    @property
    def direct(self) -> str:
        """The connection string that names every node."""
        ports = ",".join(str(node.port) for node in self.nodes)
        hosts = ",".join(["127.0.0.1"] * len(self.nodes))
        return make_conninfo(host=hosts, port=ports, user="postgres", password=PASSWORD, dbname="postgres")

    @property
    def haproxy(self) -> str:
        """The connection string of HAProxy."""
        return make_conninfo(self.direct, host="127.0.0.1", port=self._haproxy_port)

    def start(self) -> None:
        """Start everything, and return when there are a leader and a synchronous standby."""
        peer = free_port()
        client = f"http://127.0.0.1:{self._etcd_port}"
        self._run(
            "etcd",
            *("--data-dir", str(self._folder / "etcd"), "--listen-client-urls", client),
            *("--advertise-client-urls", client, "--listen-peer-urls", f"http://127.0.0.1:{peer}"),
            *("--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}"),
            *("--initial-cluster", f"default=http://127.0.0.1:{peer}", "--unsafe-no-fsync", "--enable-v2"),
        )
        for node in self.nodes:
            node.folder.mkdir()
            if self._account:
                os.chown(node.folder, self._account["user"], self._account["group"])
            (node.folder / "patroni.yml").write_text(json.dumps(self._settings(node)))
            self.start_node(node)
        config = self._folder / "haproxy.cfg"
        servers = (f"    server {n.name} 127.0.0.1:{n.port} check port {n.rest_port}\n" for n in self.nodes)
        config.write_text(HAPROXY.format(port=self._haproxy_port) + "".join(servers))
        self._run("haproxy", "-db", "-f", str(config))
        self.wait_until_healthy()

    def start_node(self, node: Node) -> None:
        """Start a node that does not run."""
        node.process = self._run("patroni", str(node.folder / "patroni.yml"))

    def stop(self) -> None:
        """Stop everything, by force."""
        for node in self.nodes:
            if node.process is not None:
                node.send(signal.SIGKILL)
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    @property
    def roles(self) -> dict[str, str]:
        """The role of each node that runs, by name, from the first Patroni that answers."""
        for node in self.nodes:
            with contextlib.suppress(httpx.HTTPError):
                members = httpx.get(f"http://127.0.0.1:{node.rest_port}/cluster", timeout=2).json()["members"]
                return {member["name"]: member["role"] for member in members if member["state"] in RUNNING}
        return {}

    def node(self, role: str) -> Node:
        """Return a node of a role: leader, sync_standby or replica."""
        [name, *_] = [name for name, its in self.roles.items() if its == role]
        return next(node for node in self.nodes if node.name == name)

    def wait_until_healthy(self) -> None:
        """Wait until all nodes run, one of them as the leader and one as its synchronous standby."""
        until(lambda: sorted(self.roles.values()) == ["leader", "replica", "sync_standby"], MAX_START_SECONDS)
        until(self._writes, MAX_START_SECONDS)

    def wait_for_leader(self, *, other_than: Node) -> None:
        """Wait until another node takes writes."""
        others = [node for node in self.nodes if node is not other_than]
        until(lambda: any(self._takes_writes(node) for node in others), MAX_ELECTION_SECONDS)

    def switch_over(self, leader: Node, candidate: Node) -> None:
        """Hand the leadership over, and return when Patroni says that it is done."""
        body = {"leader": leader.name, "candidate": candidate.name}
        httpx.post(f"http://127.0.0.1:{leader.rest_port}/switchover", json=body, timeout=60).raise_for_status()

    def _writes(self) -> bool:
        return any(self._takes_writes(node) for node in self.nodes)

    def _takes_writes(self, node: Node) -> bool:
        conninfo = make_conninfo(self.direct, host="127.0.0.1", port=node.port, connect_timeout=2)
        try:
            with psycopg.connect(conninfo, autocommit=True) as connection:
                return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
        except psycopg.Error:
            return False

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        path = shutil.which(program, path=SEARCH)
        assert path is not None
        with (self._folder / f"{program}.log").open("ab") as log:
            process = subprocess.Popen(
                [path, *arguments], stdout=log, stderr=log, cwd=self._folder, env={"PATH": SEARCH}, **self._account
            )
        self._processes.append(process)
        return process

    def _settings(self, node: Node) -> dict[str, Any]:
        address = f"127.0.0.1:{node.port}"
        logins = {"superuser": "postgres", "replication": "replicator", "rewind": "rewinder"}
        trusted = ["host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"]
        return {
            "scope": "folio",
            "name": node.name,
            "restapi": {"listen": f"127.0.0.1:{node.rest_port}", "connect_address": f"127.0.0.1:{node.rest_port}"},
            # The second interface of etcd: by the third one, Patroni 3.0 renews its lock without comparing, so a leader
            # that was paused in between takes the lock from its successor.
            "etcd": {"host": f"127.0.0.1:{self._etcd_port}"},
            "bootstrap": {"dcs": DCS, "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"]},
            "postgresql": {
                "listen": address,
                "connect_address": address,
                "data_dir": str(node.folder / "data"),
                "bin_dir": str(_bin_dir()),
                "pgpass": str(node.folder / "pgpass"),
                "pg_hba": ["local all all trust", *trusted],
                "authentication": {kind: {"username": name, "password": PASSWORD} for kind, name in logins.items()},
                "parameters": {"unix_socket_directories": str(node.folder), "password_encryption": "scram-sha-256"},
            },
        }


@contextlib.contextmanager
def running() -> Iterator[Cluster]:
    """Run a cluster in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="folio-cluster-", dir="/dev/shm" if Path("/dev/shm").exists() else None))  # noqa: S108
    folder.chmod(0o755)
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
