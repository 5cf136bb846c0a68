"""The log of a running service: one line per request, as JSON or for a terminal, without secrets."""

import json
import re
import signal
import socket
from typing import Any

import pytest

from tests.harness.processes import Service, until

SECRET = "s3cret"


@pytest.mark.parametrize("form", ["json", "console"])
def test_each_request_is_one_line(served: dict[str, str], form: str) -> None:
    """The line has method, route, status, times, request id and user; uvicorn's own lines have the same form."""
    settings = {f"FOLIO_{name.upper()}_DATABASE_URL": url for name, url in served.items()}
    folio = Service(settings | {"FOLIO_LOG_FORMAT": form, "FOLIO_DRAIN_TIME": "0"})
    try:
        until(folio.answers)
        registered = folio.request("POST", "/users", json={"username": SECRET, "email": f"{SECRET}@example.com"})
        key = registered.json()["api_key"]
        for number, (method, path, status) in enumerate(EXPECTED):
            body = {"json": {"title": SECRET}} if method == "POST" else {}
            answer = folio.request(method, path, key, headers={"X-Request-Id": f"r{number}"}, **body)
            assert answer.status_code == status
        with socket.create_connection(("127.0.0.1", folio.port)) as garbage:
            garbage.sendall(f"{SECRET} {SECRET}\r\n\r\n".encode())
            garbage.recv(1000)
    finally:
        folio.process.send_signal(signal.SIGTERM)
    text = folio.close()
    assert SECRET not in text
    assert key not in text
    for number, (method, path, status) in enumerate(EXPECTED):
        [line] = [line for line in text.splitlines() if re.search(rf"\br{number}\b", line)]
        fields = _json(line) if form == "json" else _console(line)
        expected = {"method": method, "route": ROUTES.get(path, path), "status": status, "user_id": 1}
        if status == 404:
            expected["user_id"] = None
        assert {name: fields[name] for name in expected} == expected
        assert 0 <= fields["pool_ms"] <= fields["ms"]
        assert 0 <= fields["sql_ms"] <= fields["ms"]
        assert (fields["sql_ms"] > 0) == (status not in {404, 422})


EXPECTED = [
    ("GET", "/users/me", 200),
    ("GET", f"/accounts?limit=5&cursor={SECRET}", 422),
    ("POST", "/posts", 422),
    ("GET", "/x", 404),
]
ROUTES = {f"/accounts?limit=5&cursor={SECRET}": "/accounts", "/x": ""}


def _json(line: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(line)
    assert (fields.pop("event"), fields.pop("level")) == ("request", "info")
    assert fields.pop("timestamp").endswith("Z")
    assert set(fields) == {"method", "route", "status", "ms", "pool_ms", "sql_ms", "request_id", "user_id"}
    return fields


def _console(line: str) -> dict[str, Any]:
    assert re.match(r"\S+Z \[info +\] request ", line)
    fields = dict(re.findall(r"(\w+)=(\S*)", line))
    numbers = {name: float(fields[name]) for name in ("status", "ms", "pool_ms", "sql_ms")}
    user_id = None if fields["user_id"] == "None" else int(fields["user_id"])
    return fields | numbers | {"user_id": user_id, "route": fields["route"].strip("'")}
