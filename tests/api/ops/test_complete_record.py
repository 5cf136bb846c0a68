"""The record of changes misses none: every route that changes what it covers writes it, with the caller."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from repositories.changes import ChangeRepository, Kind, Subject
from tests.harness.expect import operations
from tests.harness.world import Person, World

RECORDED = {
    "create_account": {"account_opened"},
    "update_account": {"account_changed"},
    "create_api_key": {"key_issued"},
    "revoke_api_keys": {"key_revoked"},
    "delete_me": {"account_changed"},
}
"""The operations that change an account's owner, minimum or status, or a key of another user, with what they record."""
FROZEN = {"status": "frozen", "minimum": -5}
"""A change of an account, in addition to the documented example, which changes the name."""


class Walk:
    """An operator sends every request that writes, to a member and an account with the id 1 and back."""

    def __init__(self, client: httpx.AsyncClient, app: FastAPI, world: World, operator: Person) -> None:
        self._client = client
        self._operator = operator
        self._world = world
        writing = [operation for operation in operations(app) if operation.needs_key and operation.method != "GET"]
        self._operations = sorted(writing, key=lambda operation: operation.id == "delete_me")  # the last one

    async def recorded(self) -> dict[str, set[str]]:
        """Return the kinds of change that each operation recorded; assert that each was recorded with the operator."""
        kinds: dict[str, set[str]] = {}
        for operation in self._operations:
            before, known = await self._covered(), await self._changes()
            bodies: list[dict[str, Any]] = [{}]
            if operation.id == "update_account":
                bodies.append({"json": FROZEN})
            for body in bodies:
                request = operation.request(self._client, **body)
                request.headers.update(self._operator.paying())
                await self._client.send(request)
            new = (await self._changes())[len(known) :]
            assert {changed_by for changed_by, _ in new} <= {self._operator.id}, (operation.id, new)
            if await self._covered() != before or new:
                kinds[operation.id] = {kind for _, kind in new}
        return kinds

    async def _covered(self) -> list[tuple[Any, ...]]:
        """Return the rows that the record covers: accounts, roles, and keys of others."""
        cursor = await self._world.connection.execute(
            "SELECT 'account', id, owner_id, minimum, status FROM accounts"
            " UNION ALL SELECT 'role', id, NULL, NULL, role FROM users"
            " UNION ALL SELECT 'key', id, user_id, NULL, revoked_at::text FROM api_keys WHERE user_id <> %s"
            " ORDER BY 1, 2",
            (self._operator.id,),
        )
        return await cursor.fetchall()

    async def _changes(self) -> list[tuple[Any, ...]]:
        cursor = await self._world.connection.execute("SELECT changed_by, kind FROM changes ORDER BY id")
        return await cursor.fetchall()


@pytest.fixture
async def walk(client: httpx.AsyncClient, app: FastAPI, world: World) -> Walk:
    bob = await world.person("bob")
    assert (bob.id, await world.account(bob)) == (1, 1)
    return Walk(client, app, world, await world.person("root", role="operator"))


async def test_each_route_that_changes_what_the_record_covers_writes_it(walk: Walk) -> None:
    """Exactly these routes do. A new one without a record fails here, and so does a record without a change."""
    assert await walk.recorded() == RECORDED


@pytest.mark.parametrize("forgotten", ["account_changed", "key_issued", "key_revoked"])
async def test_a_change_without_its_record_is_found(
    walk: Walk, forgotten: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: one kind is not recorded. The trigger still records an account, without its caller."""
    insert = ChangeRepository.insert

    async def forget(
        self: ChangeRepository, kind: Kind, subjects: Sequence[Subject], *, changed_by: int | None
    ) -> None:
        if kind != forgotten:
            await insert(self, kind, subjects, changed_by=changed_by)

    monkeypatch.setattr(ChangeRepository, "insert", forget)
    with pytest.raises(AssertionError):
        assert await walk.recorded() == RECORDED


async def test_an_account_without_its_first_record_is_found(walk: Walk, world: World) -> None:
    """Negative control: no trigger records an opening."""
    await world.connection.execute("ALTER TABLE accounts DISABLE TRIGGER accounts_record_opening")
    with pytest.raises(AssertionError):
        assert await walk.recorded() == RECORDED
