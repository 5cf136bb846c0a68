"""The Index slot of every header names the indexes of the generic plan: all of them and no other."""

from collections.abc import Callable

import pytest

from repositories.postgres.statements import Statement
from tests.sql.headers import header
from tests.sql.probes import FILES, Sessions, indexes, plan


def contradictions(sessions: Sessions, statement: Statement) -> list[str]:
    """Return where the Index slot and the plan differ."""
    named = set(header(statement).indexes)
    planned = indexes(plan(sessions.running, statement, whole_tables=not named))
    return [f"{index}: not in the plan" for index in sorted(named - planned)] + [
        f"{index}: not in the header" for index in sorted(planned - named)
    ]


@pytest.mark.parametrize("name", FILES)
def test_the_index_slot_is_the_plan(name: str, sessions: dict[str, Sessions]) -> None:
    """Every index of the plan is named and every named one is in it; `none` where whole tables are read, or none."""
    assert contradictions(sessions[name.split("/", 1)[0]], Statement(name)) == []


@pytest.mark.parametrize(
    ("name", "truth", "lie"),
    [
        ("main/posts/get", "posts_pkey, users_pkey", "posts_created_at_idx, users_pkey"),
        ("main/posts/get", "posts_pkey, users_pkey", "users_pkey"),
        ("main/posts/get", "posts_pkey, users_pkey", "posts_pkey, users_pkey, users_username_key"),
        ("main/posts/get", "posts_pkey, users_pkey", "none"),
        ("main/users/insert", "-- Index    none", "-- Index    users_pkey"),
        ("catalog/products/insert", "-- Index    products_idempotency_key_key", "-- Index    none"),
    ],
)
def test_an_index_slot_that_lies_is_caught(
    name: str,
    truth: str,
    lie: str,
    sessions: dict[str, Sessions],
    altered: Callable[[str, str, str], Statement],
) -> None:
    """A wrong name, a missing one, one too many, and `none` where there is one (negative control)."""
    assert contradictions(sessions[name.split("/", 1)[0]], altered(name, truth, lie))
