"""deploy/nginx/folio.conf, run by nginx in front of two processes; skipped without nginx and openssl."""

import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.harness.processes import Service, free_port, service, until

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
CONFIGURATION = Path("deploy/nginx/folio.conf").read_text()
NAME = "folio.example.com"
MAX_WRONG_KEYS = 3


@dataclass
class Site:
    """Two processes of Folio behind nginx, and a client that trusts its certificate."""

    processes: list[Service]
    client: httpx.Client


@pytest.fixture
def site(served: dict[str, str], tmp_path: Path) -> Iterator[Site]:
    if NGINX is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is missing: apt install nginx openssl")
    settings = {f"FOLIO_{name.upper()}_DATABASE_URL": conninfo for name, conninfo in served.items()}
    settings |= {"FOLIO_TRUSTED_PROXIES": "127.0.0.1", "FOLIO_DRAIN_TIME": "1", "FOLIO_REGISTRATIONS_PER_MINUTE": "0"}
    settings["FOLIO_WRONG_KEYS_PER_MINUTE"] = str(MAX_WRONG_KEYS)
    with ExitStack() as stack:
        processes = [stack.enter_context(service(settings)) for _ in range(2)]
        port = free_port()
        configuration = _configuration(tmp_path, port, [process.port for process in processes])
        check = subprocess.run([NGINX, "-t", "-c", configuration], capture_output=True, text=True, check=False)
        assert check.returncode == 0, check.stderr
        nginx = subprocess.Popen([NGINX, "-c", configuration])
        stack.callback(nginx.wait, 20)
        stack.callback(nginx.send_signal, signal.SIGTERM)
        context = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
        client = stack.enter_context(httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=context, timeout=15))
        until(lambda: _answers(client))
        yield Site(processes, client)


def _configuration(folder: Path, port: int, upstream: list[int]) -> str:
    """Write the configuration with these ports, a new certificate and files in a folder; return its path."""
    subject = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"]
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*request, *files], check=True, capture_output=True)
    text = CONFIGURATION.replace("/etc/ssl/folio", str(folder)).replace(
        "listen 443 ssl", f"listen 127.0.0.1:{port} ssl"
    )
    for written, actual in zip(re.findall(r"server (127\.0\.0\.1:\d+)", CONFIGURATION), upstream, strict=True):
        text = text.replace(written, f"127.0.0.1:{actual}")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off;\nuser root;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{text}}}\n"
    )
    return str(file)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_request_is_answered_over_tls(site: Site) -> None:
    """The answer is Folio's own, also if a body is too long, and tells browsers to stay with TLS."""
    answer = site.client.get("/readyz", headers={"Host": NAME})
    assert answer.json()["status"] == "ready"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    too_long = site.client.post(
        "/users", content=b" " * (1024 * 1024 + 1), headers={"Content-Type": "application/json"}
    )
    assert (too_long.status_code, too_long.json()["code"]) == (413, "body_too_large")


def test_a_client_cannot_choose_its_address(site: Site) -> None:
    """X-Forwarded-For of the client is not passed on: wrong keys count for the address that nginx sees."""
    answers = [
        site.client.get(
            "/accounts", headers={"X-Forwarded-For": f"192.0.2.{n}", "Authorization": f"Bearer folio_{'w' * 42}{n}"}
        ).status_code
        for n in range(MAX_WRONG_KEYS + 1)
    ]
    assert answers == [401] * MAX_WRONG_KEYS + [429]


def test_a_rolling_restart_loses_no_request(site: Site) -> None:
    """While one process drains, closes its port and ends, every registration through nginx is answered 201."""
    first, second = site.processes
    first.process.send_signal(signal.SIGTERM)
    statuses: list[int] = []
    ended: int | None = None
    while ended is None or len(statuses) < 50:
        ended = first.process.poll()
        n = len(statuses)
        body = {"username": f"user{n}", "email": f"user{n}@example.com"}
        statuses.append(site.client.post("/users", json=body).status_code)
    assert set(statuses) == {201}
    assert second.answers()
