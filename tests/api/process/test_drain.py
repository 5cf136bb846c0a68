"""SIGTERM and SIGHUP: the process is not ready at once, answers accepted requests, and ends in time."""

import asyncio
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.api.cli.test_server import read_all
from tests.harness.processes import Service, environment, free_port, service, until
from tests.harness.proxy import Trouble, proxy
from tests.harness.world import World

EXIT_SECONDS = 20.0
"""Most seconds from SIGTERM to the end of the process: 10 s are promised, and the machine may be busy."""
DRAIN_SECONDS = 5.0
"""Longer than a busy machine needs for a few requests to a process that is not ready."""
FOLIO = str(Path(sys.executable).parent / "folio")


@pytest.fixture
def settings(served: dict[str, str]) -> dict[str, str]:
    return {
        "FOLIO_MAIN_DATABASE_URL": served["main"],
        "FOLIO_CATALOG_DATABASE_URL": served["catalog"],
        "FOLIO_DRAIN_TIME": str(DRAIN_SECONDS),
    }


@pytest.mark.parametrize("workers", [1, 2])
async def test_after_sigterm_a_process_is_not_ready_and_answers_accepted_requests(
    settings: dict[str, str], workers: int, world: World
) -> None:
    """A transfer whose body is arriving is answered, connections close with an answer, and the exit status is 0."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    body = {"from_account_id": payer, "to_account_id": payee, "amount": 1}
    with service(settings, "--workers", str(workers)) as folio:
        assert "connection" not in folio.http.get("/posts").headers
        with begun(folio, ada.paying("k"), body) as paying:
            started = time.monotonic()
            folio.process.send_signal(signal.SIGTERM)
            until(lambda: get_late(folio, "/readyz") == (503, "close"), DRAIN_SECONDS)
            # A signal to the process group reaches each worker a second time, which changes nothing.
            os.killpg(folio.process.pid, signal.SIGTERM)
            assert get_late(folio, "/posts") == (200, "close")
            assert finished(paying, body) == (201, True)
        assert folio.process.wait(60) == 0
        assert time.monotonic() - started < EXIT_SECONDS
    assert await world.balances(payer, payee) == [-1, 1]
    left = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(application_name, 'folio ')"
    assert await world.value(f"{left} AND datname = current_database()") == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_commit_in_flight_at_shutdown_is_answered_as_unknown(
    settings: dict[str, str], served: dict[str, str], world: World, number: signal.Signals
) -> None:
    """At Ctrl-C and after SIGTERM no answer says that nothing was written; here the transfer exists in the end."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    body = {"from_account_id": payer, "to_account_id": payee, "amount": 1}
    async with proxy(served["main"]) as network:
        settings |= {"FOLIO_MAIN_DATABASE_URL": network.conninfo, "FOLIO_DRAIN_TIME": "5"}
        settings |= {"FOLIO_SWEEP_INTERVAL": "3600", "FOLIO_AUDIT_INTERVAL": "0"}  # their COMMIT would meet the trouble
        starting = contextlib.ExitStack()
        folio = await asyncio.to_thread(starting.enter_context, service(settings))
        try:
            network.trouble = Trouble.DELAY
            send = functools.partial(folio.request, "POST", "/transfers", json=body, headers=ada.paying("k"))
            paying = asyncio.create_task(asyncio.to_thread(send))
            await asyncio.wait_for(network.committing.wait(), 30)
            folio.process.send_signal(number)
            answer = await paying
        finally:
            network.release.set()
            await asyncio.to_thread(starting.close)
    assert (answer.status_code, answer.json().get("code")) == (503, "outcome_unknown"), answer.text
    assert "same Idempotency-Key" in answer.json()["detail"]
    assert await world.balances(payer, payee) == [-1, 1]


def get_late(folio: Service, path: str) -> tuple[int, str | None]:
    """Send a request with a new connection; return the answer's status and its Connection header."""
    answer = httpx.get(f"{folio.http.base_url}{path}", timeout=15)
    return answer.status_code, answer.headers.get("Connection")


def begun(folio: Service, headers: dict[str, str], body: dict[str, int]) -> socket.socket:
    """Send the headers of a transfer, and return once the service waits for its body."""
    length = {"Content-Length": str(len(json.dumps(body))), "Content-Type": "application/json"}
    head = headers | length | {"Host": "folio", "Expect": "100-continue"}
    lines = ["POST /transfers HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    client = socket.create_connection(("127.0.0.1", folio.port), timeout=60)
    client.sendall("\r\n".join(lines).encode())
    assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    return client


def finished(client: socket.socket, body: dict[str, int]) -> tuple[int, bool]:
    """Send the body of a transfer; return the answer's status, and whether it closes the connection."""
    client.sendall(json.dumps(body).encode())
    answer = read_all(client)
    return int(answer[9:12]), b"connection: close" in answer.lower()


@pytest.mark.parametrize("workers", [1, 2])
async def test_sighup_lets_accepted_requests_finish_too(settings: dict[str, str], workers: int, world: World) -> None:
    """A closed terminal signals every process of its group: a transfer is answered, and the exit status is 0."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    body = {"from_account_id": payer, "to_account_id": payee, "amount": 1}
    with service(settings, "--workers", str(workers)) as folio:
        with begun(folio, ada.paying("k"), body) as paying:
            os.killpg(folio.process.pid, signal.SIGHUP)
            until(lambda: get_late(folio, "/readyz") == (503, "close"), DRAIN_SECONDS)
            assert finished(paying, body) == (201, True)
        assert folio.process.wait(60) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sighup_that_was_ignored_at_the_start_stays_ignored(settings: dict[str, str], workers: int) -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            [FOLIO, "serve", "--port", str(port := free_port()), "--workers", str(workers)],
            env=environment(settings | {"FOLIO_DRAIN_TIME": "0"}),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    try:
        until(lambda: _ready(port))
        os.killpg(process.pid, signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        assert _ready(port)
    finally:
        process.terminate()
        assert process.wait(60) == 0


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=15).status_code == 200
    except httpx.TransportError:
        return False
