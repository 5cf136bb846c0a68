"""Negative controls: without a guarantee, the test of that guarantee fails."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from repositories import accounts, holds, purchases
from repositories.accounts import Account, AccountRepository
from repositories.holds import Hold, HoldRepository
from repositories.idempotency_keys import Key
from repositories.postgres import unit_of_work
from repositories.postgres.pools import Checkout
from repositories.postgres.statements import Statement
from repositories.postgres.unit_of_work import Work
from repositories.purchases import Purchase, PurchaseRepository
from repositories.transfers import InsertedTransfer, TransferOrder, TransferRepository
from tests.api import test_holds, test_purchases_refund, test_transfers_reversal
from tests.api.http import test_idempotency
from tests.harness.payments import order
from tests.harness.shop import Shop
from tests.harness.variants import without
from tests.harness.world import World
from tests.repositories.ledger import test_concurrency
from tests.repositories.postgres import test_unit_of_work

pytestmark = pytest.mark.full_pool


class Meeting:
    """A race that is lost on any machine: the first to attend waits for the second."""

    def __init__(self) -> None:
        self._come = 0
        self._both = asyncio.Event()

    async def attend(self) -> None:
        self._come += 1
        if self._come > 1:
            self._both.set()
        async with asyncio.timeout(30):
            await self._both.wait()


@pytest.mark.parametrize(
    ("statement", "guarantee"),
    [
        (accounts.LOCK_PAIR, test_concurrency.test_of_20_transfers_at_one_version_one_is_made),
        (accounts.LOCK_PAIR, test_transfers_reversal.test_two_reversals_of_60_of_100_at_once_are_one),
        (accounts.LOCK, test_concurrency.test_of_20_batches_at_one_version_one_is_made),
    ],
)
async def test_without_the_row_lock(
    statement: Statement,
    guarantee: Callable[[httpx.AsyncClient, World], Awaitable[None]],
    client: httpx.AsyncClient,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two transfers, or two batches, are judged at the same version; two reversals on the same sum."""
    lock, meeting = AccountRepository.lock_each, Meeting()

    async def unlocked(self: AccountRepository, **options: Any) -> dict[int, Account]:
        locked = await lock(self, **options)
        await meeting.attend()
        return locked

    without(monkeypatch, statement, "FOR NO KEY UPDATE")
    monkeypatch.setattr(AccountRepository, "lock_each", unlocked)
    with pytest.raises(AssertionError):
        await guarantee(client, world)


async def test_with_refunds_that_lock_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two refunds are judged on the same sum; the trigger of the database still refuses one, as an internal error."""
    lock, meeting = PurchaseRepository.lock, Meeting()

    async def unlocked(self: PurchaseRepository, *, id: int) -> Purchase:
        purchase = await lock(self, id=id)
        if purchase.status == "completed":
            await meeting.attend()
        return purchase

    for statement in (accounts.LOCK_PAIR, purchases.LOCK):
        without(monkeypatch, statement, "FOR NO KEY UPDATE")
    monkeypatch.setattr(PurchaseRepository, "lock", unlocked)
    with pytest.raises(AssertionError):
        await test_purchases_refund.test_two_refunds_of_60_of_100_at_once_are_one(shop)


async def test_without_the_lock_order(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payer first, then the payee: opposing transfers deadlock. Gathered ones would be in one unit of work."""
    monkeypatch.setattr(service_of(app).payments, "_enabled", False)
    lock, meeting = AccountRepository.lock, Meeting()

    async def payer_first(
        self: AccountRepository, *, pairs: Sequence[tuple[int, int]], owner_id: int | None
    ) -> dict[int, Account]:
        [(payer, payee)] = pairs
        locked = await lock(self, pairs=[(payer, payer)], owner_id=owner_id)
        await meeting.attend()
        return locked | await lock(self, pairs=[(payee, payee)], owner_id=None)

    monkeypatch.setattr(AccountRepository, "lock", payer_first)
    with pytest.raises(AssertionError):
        await test_concurrency.oppose(client, world, 3)


async def test_with_the_key_in_a_transaction_of_its_own(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that waited for the account finds no key yet, and pays again."""
    write, run, meeting = TransferRepository.insert, unit_of_work.run, Meeting()
    unstored: list[tuple[Key, int]] = []

    async def forget(
        self: TransferRepository, *, orders: Sequence[TransferOrder], key: Key | None = None
    ) -> list[InsertedTransfer]:
        rows = await write(self, orders=orders)
        assert key is not None
        unstored.append((key, rows[0].id))
        return rows

    async def store_later(checkout: Checkout, work: Work[Any], **options: Any) -> Any:
        result = await run(checkout, work, **options)
        await meeting.attend()
        while unstored:
            key, transfer_id = unstored.pop()
            await checkout.connection.execute(
                "INSERT INTO idempotency_keys (user_id, key, request_hash, kind, resource_id, shown_account_ids)"
                " VALUES ($1, $2, $3, 'transfer', $4, '{}') ON CONFLICT DO NOTHING",
                (key.user_id, key.key, key.request_hash, transfer_id),
            )
        return result

    monkeypatch.setattr(TransferRepository, "insert", forget)
    monkeypatch.setattr(unit_of_work, "run", store_later)
    with pytest.raises(AssertionError):
        await test_idempotency.test_50_identical_transfers_at_once_are_one_transfer_and_50_identical_answers(
            client, world
        )


async def test_with_the_commit_after_the_answer(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A COMMIT in the exit of a dependency: 201 for a transfer that was never written."""

    async def commit_at_exit(checkout: Checkout, work: Work[Any], **options: Any) -> Any:
        connection = checkout.connection
        await connection.execute("BEGIN")
        result = await work(connection)
        give_back = checkout.give_back

        async def commit_and_give_back() -> None:
            await connection.execute("COMMIT")
            await give_back()

        monkeypatch.setattr(checkout, "give_back", commit_and_give_back)
        return result

    monkeypatch.setattr(unit_of_work, "run", commit_at_exit)
    ada = await world.person("ada")
    payment = ada, order(await world.account(ada, minimum=None), await world.account(ada))
    with pytest.raises((AssertionError, KeyError)):
        await test_unit_of_work.test_a_commit_that_turns_into_a_rollback_never_answers_2xx(
            client, world, payment, monkeypatch
        )


async def test_with_holds_that_the_balance_check_forgets(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The constraint of the database still refuses it, as an internal error instead of a refusal."""
    deposit = await test_holds.Deposit(client, world).open()
    monkeypatch.setattr(Account, "available", property(lambda self: self.balance))
    with pytest.raises(AssertionError):
        await test_holds.test_a_hold_counts_against_available_and_is_seen_by_both(deposit, client)


async def test_with_a_pending_hold_that_two_may_capture(
    client: httpx.AsyncClient, app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged by its state before the lock, and settled in any state: both capture, and one fails on the constraint."""
    get, lock, meeting = HoldRepository.get, HoldRepository.lock, Meeting()
    before_the_lock: dict[HoldRepository, Hold] = {}

    async def read(self: HoldRepository, *, id: int) -> Hold | None:
        row = await get(self, id=id)
        assert row is not None
        before_the_lock[self] = row
        await meeting.attend()
        return row

    async def stale(self: HoldRepository, *, id: int) -> Hold:
        await lock(self, id=id)
        return before_the_lock[self]

    deposit = await test_holds.Deposit(client, world).open()
    monkeypatch.setattr(HoldRepository, "get", read)
    monkeypatch.setattr(HoldRepository, "lock", stale)
    without(monkeypatch, holds.SETTLE, "AND status = 'active'")

    async def once(client: httpx.AsyncClient, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        return await client.post(path, json=body, headers=headers)

    # A second try would find the hold captured.
    monkeypatch.setattr(test_holds, "insist", once)
    with pytest.raises(AssertionError):
        await test_holds.test_capture_release_and_expiry_race_to_one_winner(deposit, app, ("capture", "capture"))
