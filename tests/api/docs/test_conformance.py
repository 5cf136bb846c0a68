"""The comparison of answers with the document that every test of a route makes."""

import httpx
import pytest
from fastapi import FastAPI

from tests.harness.conformance import undocumented


@pytest.mark.parametrize(
    ("method", "path", "status", "headers", "code"),
    [
        ("GET", "/accounts/1", 418, {}, None),
        ("GET", "/accounts/1", 200, {"ETag": '"1"'}, None),
        ("POST", "/transfers", 409, {}, "username_taken"),
        ("HEAD", "/users/me", 202, {}, None),
    ],
)
def test_an_undocumented_status_code_or_header_is_found(
    application: FastAPI, method: str, path: str, status: int, headers: dict[str, str], code: str | None
) -> None:
    """Each of them is named with its operation (negative control)."""
    body = {"headers": headers} if code is None else {"json": {"code": code}}
    answer = httpx.Response(status, request=httpx.Request(method, f"http://folio{path}"), **body)  # type: ignore[arg-type]
    if code is not None:
        answer.headers["Content-Type"] = "application/problem+json"
    assert len(undocumented(application, answer)) == 1


def test_an_answer_without_an_operation_is_not_compared(application: FastAPI) -> None:
    """A page, and a path that no route has."""
    for path in ("/docs", "/nowhere"):
        answer = httpx.Response(404, request=httpx.Request("GET", f"http://folio{path}"))
        assert undocumented(application, answer) == []
