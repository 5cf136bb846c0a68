"""Generated requests, valid and invalid, against a real server: no 5xx, and only documented answers."""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Err
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from tests.harness.launcher import PATIENCE
from tests.harness.world import Connection, Person, World, a_product

EXAMPLES = 3
"""Requests per operation and mode, which take a minute in all."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]


# The server's thread draws random numbers at the same time.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("mode", GenerationMode)
async def test_no_generated_request_causes_an_internal_error(
    address: str, world: World, catalog: Connection, mode: GenerationMode
) -> None:
    """Each operation is called by a new member: no answer is 5xx, each status and content type is documented."""
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json", timeout=PATIENCE)
    operations = [result.ok() for result in schema.get_all_operations() if not isinstance(result, Err)]
    assert len(operations) >= 39
    members = []
    for number in range(1, len(operations) + 1):
        # A member's account, post and product have the member's own id, so that valid requests find them.
        member = await world.person(f"member{number}")
        post = "INSERT INTO posts (author_id, title, content) VALUES (%s, 't', 'c') RETURNING id"
        owned = (await world.account(member, minimum=None), await world.value(post, member.id))
        assert (*owned, await a_product(catalog, member, member.id)) == (member.id,) * 3
        members.append(member)
    statuses: set[int] = set()
    for operation, member in zip(operations, members, strict=True):
        # An operation without parameters has no invalid request.
        with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
            check(operation, member, mode, statuses)()
    expected = {200, 201, 204} if mode is GenerationMode.POSITIVE else {400, 422}
    assert expected <= statuses, statuses


def check(
    operation: APIOperation[Any, Any, Any, Any], member: Person, mode: GenerationMode, statuses: set[int]
) -> Callable[[], None]:
    """Return a test of one operation by one member that adds the status of each answer to `statuses`."""
    valid = mode is GenerationMode.POSITIVE
    own = {"id": member.id} if valid and "{id}" in operation.path else None

    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=own))
    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: schemathesis.Case[Any]) -> None:
        headers = member.headers | ({"If-Match": "*"} if valid else {})
        statuses.add(case.call_and_validate(headers=headers, checks=CHECKS, timeout=PATIENCE).status_code)

    return send
