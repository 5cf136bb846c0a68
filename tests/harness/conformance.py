"""Answers against the OpenAPI document: each status, code and header that a test sees is documented."""

import re
from functools import cache

import httpx
from fastapi import FastAPI

from api.docs.completion import HEADERS
from tests.harness.expect import Operation, operations

UNROUTED = {"not_found", "method_not_allowed"}
"""Codes of requests without an operation."""


@cache
def _documented(app: FastAPI) -> list[tuple[re.Pattern[str], Operation]]:
    """Return each operation with the pattern of its paths, those without parameters first."""
    described = sorted(operations(app), key=lambda operation: "{" in operation.path)
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", operation.path)), operation) for operation in described]


def undocumented(app: FastAPI, answer: httpx.Response) -> list[str]:
    """Return what an answer has and its operation does not document; nothing if no operation has its path."""
    method, path = answer.request.method.replace("HEAD", "GET"), answer.request.url.path
    candidates = (each for pattern, each in _documented(app) if each.method == method and pattern.fullmatch(path))
    operation = next(candidates, None)
    problem = answer.headers.get("Content-Type") == "application/problem+json" and answer.content
    code = answer.json()["code"] if problem else None
    if operation is None or code in UNROUTED:
        return []
    documented = operation.answers.get(str(answer.status_code))
    if documented is None:
        return [f"{operation} answers {answer.status_code} {code or ''}"]
    headers = {name for name in HEADERS if name in answer.headers} - documented.get("headers", {}).keys()
    codes = set() if code is None else {code} - operation.codes
    return [f"{operation} answers {answer.status_code} with {name}" for name in sorted(headers | codes)]
