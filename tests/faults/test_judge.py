"""The judge finds a violation of each promise."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import httpx
import pytest

from tests.faults import judge
from tests.faults.judge import Answer
from tests.faults.test_network import cut, run_behind_proxies
from tests.faults.trial import Trial

PROBLEM = {"Content-Type": "application/problem+json", "Retry-After": "1"}
PAID = Answer("transfer", "transfer 1 0", sent_at=0, seconds=0.1, status=201, resource_id=7)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, headers=PROBLEM, json={"code": "internal_error"}),
        httpx.Response(404, headers=PROBLEM, json={"code": "account_not_found"}),
        httpx.Response(503, text="Service Unavailable"),
        httpx.Response(503, headers=PROBLEM, json={"title": "The database cannot be reached"}),
        httpx.Response(503, headers={"Content-Type": PROBLEM["Content-Type"]}, json={"code": "lock_timeout"}),
    ],
)
def test_a_wrong_or_incomplete_answer_is_a_violation(answer: httpx.Response) -> None:
    """Such as a 500, a refusal of a valid request, or a 503 without a code or Retry-After."""
    assert judge.flaw(answer)
    assert not judge.flaw(httpx.Response(503, headers=PROBLEM, json={"code": "lock_timeout"}))
    assert not judge.flaw(httpx.Response(201, json={"id": 7}))


def test_no_answer_and_a_late_answer_are_violations() -> None:
    """A transport error is a violation, and so is a success after more than 10 s."""
    assert not PAID.violation
    assert replace(PAID, status=0, flaw="ReadError").violation
    assert replace(PAID, seconds=10.1).violation


def test_a_lost_or_doubled_write_is_a_violation() -> None:
    """An acknowledged id must be stored under its key, and a key must have one transfer."""
    assert not judge.lost_or_doubled([PAID, PAID], {"transfer": [(PAID.key, 7), ("transfer 1 1", 8)]})
    assert judge.lost_or_doubled([PAID], {"transfer": []})
    assert judge.lost_or_doubled([PAID], {"transfer": [(PAID.key, 8)]})
    assert judge.lost_or_doubled([PAID], {"transfer": [("transfer 1 1", 7)]})
    assert judge.lost_or_doubled([PAID], {"transfer": [(PAID.key, 7), (PAID.key, 8)]})


async def test_a_service_with_long_timeouts_is_reported(databases: dict[str, str]) -> None:
    """If a service waits for a cut network to return, its answers come too late."""
    new_trial = partial(Trial, lambda _, __: None, FOLIO_REQUEST_TIMEOUT="14", FOLIO_POOL_TIMEOUT="30")
    figures = await run_behind_proxies(new_trial, databases, "control", cut, seconds=12)
    assert figures.violations
    assert [violation for violation in figures.violations if "answered after" not in violation] == []
