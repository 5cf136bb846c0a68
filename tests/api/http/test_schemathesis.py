"""Generated requests, right and wrong, against a real server: no 5xx, and nothing answered that is not documented."""

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
"""For each operation, right and wrong: a minute's work."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]


# The server's thread draws random numbers of its own meanwhile.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("mode", GenerationMode)
async def test_no_generated_request_finds_a_mistake(
    address: str, world: World, catalog: Connection, mode: GenerationMode
) -> None:
    """A member's requests: no 5xx, every status and content type documented; each operation by a fresh member."""
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json", timeout=PATIENCE)
    found = [result.ok() for result in schema.get_all_operations() if not isinstance(result, Err)]
    assert len(found) >= 39
    members = []
    for number in range(1, len(found) + 1):
        # What is theirs has the same number as they: well-formed requests for it find it.
        member = await world.person(f"member{number}")
        post = "INSERT INTO posts (author_id, title, content) VALUES (%s, 't', 'c') RETURNING id"
        owned = (await world.account(member, minimum=None), await world.value(post, member.id))
        assert (*owned, await a_product(catalog, member, member.id)) == (member.id,) * 3
        members.append(member)
    statuses: set[int] = set()
    for operation, member in zip(found, members, strict=True):
        # Where nothing is asked for, nothing can be asked wrongly.
        with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
            asking(operation, member, mode, statuses)()
    wanted = {200, 201, 204} if mode is GenerationMode.POSITIVE else {400, 422}
    assert wanted <= statuses, statuses


def asking(
    operation: APIOperation[Any, Any, Any, Any], member: Person, mode: GenerationMode, statuses: set[int]
) -> Callable[[], None]:
    """Return a test of one operation by one member, which keeps the statuses that it was answered."""
    right = mode is GenerationMode.POSITIVE
    own = {"id": member.id} if right and "{id}" in operation.path else None

    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=own))
    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case[Any]) -> None:
        headers = member.headers | ({"If-Match": "*"} if right else {})
        statuses.add(case.call_and_validate(headers=headers, checks=CHECKS, timeout=PATIENCE).status_code)

    return ask
