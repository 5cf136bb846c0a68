"""The Index slot of every header names exactly the indexes of the generic plan."""

from collections.abc import Callable

import pytest

from repositories.postgres.statements import Statement
from tests.sql.headers import header
from tests.sql.probes import FILES, Sessions, indexes, plan


def contradictions(sessions: Sessions, statement: Statement) -> list[str]:
    """Return a line for each difference between the Index slot and the plan."""
    named = set(header(statement).indexes)
    planned = indexes(plan(sessions.running, statement, whole_tables=not named))
    return [f"{index}: not in the plan" for index in sorted(named - planned)] + [
        f"{index}: not in the header" for index in sorted(planned - named)
    ]


@pytest.mark.parametrize("name", FILES)
def test_the_index_slot_is_the_plan(name: str, sessions_for: Callable[[str], Sessions]) -> None:
    """The slot is `none` if the plan uses no index."""
    assert contradictions(sessions_for(name), Statement(name)) == []


@pytest.mark.parametrize(
    ("name", "truth", "lie"),
    [
        ("main/posts/get", "posts_pkey, users_pkey", "posts_created_at_idx, users_pkey"),
        ("main/posts/get", "posts_pkey, users_pkey", "users_pkey"),
        ("main/posts/get", "posts_pkey, users_pkey", "posts_pkey, users_pkey, users_username_key"),
        ("main/posts/get", "posts_pkey, users_pkey", "none"),
        ("main/users/insert", "-- Index    none", "-- Index    users_pkey"),
        ("catalog/products/get", "-- Index    products_pkey", "-- Index    none"),
    ],
)
def test_a_false_index_slot_is_reported(
    name: str,
    truth: str,
    lie: str,
    sessions_for: Callable[[str], Sessions],
    altered: Callable[[str, str, str], Statement],
) -> None:
    """A wrong, missing or additional index is reported, and so is a false `none` (negative control)."""
    assert contradictions(sessions_for(name), altered(name, truth, lie))
