"""The judge finds what it is there for: each promise is broken once, and that is counted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import httpx
import pytest

from tests.faults import judge
from tests.faults.judge import Answer
from tests.faults.test_network import behind, cut
from tests.faults.trial import Trial

PROBLEM = {"Content-Type": "application/problem+json", "Retry-After": "1"}
PAID = Answer("transfer", "transfer 1 0", began=0, seconds=0.1, status=201, made=7)


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
def test_an_answer_that_is_not_honest_is_a_violation(answer: httpx.Response) -> None:
    """A bare 500, a refusal of what could be done, a 503 without its code or without Retry-After."""
    assert judge.flaw(answer)
    assert not judge.flaw(httpx.Response(503, headers=PROBLEM, json={"code": "lock_timeout"}))
    assert not judge.flaw(httpx.Response(201, json={"id": 7}))


def test_no_answer_and_a_late_answer_are_violations() -> None:
    """A transport error, and a success after more than 10 s."""
    assert not PAID.violation
    assert replace(PAID, status=0, flaw="ReadError").violation
    assert replace(PAID, seconds=10.1).violation


def test_what_is_lost_or_doubled_is_a_violation() -> None:
    """An acknowledged id that is not there, or under another key; a key with two transfers."""
    assert not judge.lost_or_doubled([PAID, PAID], {"transfer": [(PAID.key, 7), ("transfer 1 1", 8)]})
    assert judge.lost_or_doubled([PAID], {"transfer": []})
    assert judge.lost_or_doubled([PAID], {"transfer": [(PAID.key, 8)]})
    assert judge.lost_or_doubled([PAID], {"transfer": [("transfer 1 1", 7)]})
    assert judge.lost_or_doubled([PAID], {"transfer": [(PAID.key, 7), (PAID.key, 8)]})


async def test_a_service_without_its_deadlines_is_found_out(databases: dict[str, str]) -> None:
    """A network that is cut, before a service that waits for its return: the answers come, and they come too late."""
    patient = partial(Trial, lambda _, __: None, FOLIO_REQUEST_TIMEOUT="60", FOLIO_POOL_TIMEOUT="30")
    found = await behind(patient, databases, "control", cut, lasts=12)
    assert found.violations
    assert [violation for violation in found.violations if "answered after" not in violation] == []
