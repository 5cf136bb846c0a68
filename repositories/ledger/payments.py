"""Payments: single transfers, each in a unit of work of its own while a connection is free, otherwise gathered."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from repositories.idempotency_keys import IdempotencyKeyRepository, Key
from repositories.ledger import transfers
from repositories.ledger.accounts import lock_each
from repositories.ledger.keys import Keyed, Outcome, replay_each, run_keyed, run_keyed_again, to_store
from repositories.ledger.orders import apply, judge_transfer, write
from repositories.postgres import metrics
from repositories.postgres.gathering import Gathering
from repositories.postgres.pools import Checkout, Pool
from repositories.postgres.slices import sliced
from repositories.postgres.statements import Connection
from repositories.refusals import Refusal
from repositories.transfers import ShownTransfer, TransferOrder

BATCH_LIMIT = 1000
"""Transfers that one unit of work makes at most."""


Result = ShownTransfer | Refusal


@dataclass(frozen=True)
class Payment:
    """An order, and the key under which it is carried out once."""

    order: TransferOrder
    key: Key


class Payments(Gathering[Payment, Outcome[ShownTransfer]]):
    """The payments of a process. A gathered payment is answered as one that runs alone."""

    def __init__(self, pool: Pool, *, gather: bool) -> None:
        super().__init__("gathered transfers", pool, limit=BATCH_LIMIT, enabled=gather)

    async def run_alone(self, checkout: Checkout, member: Payment) -> Outcome[ShownTransfer]:
        """Make the transfer in a unit of work of its own."""
        return await run_keyed(checkout, _transfer(member), key=member.key)

    async def run_together(
        self, connection: Connection, members: Sequence[Payment]
    ) -> list[Outcome[ShownTransfer] | Exception]:
        """Make the transfers one after the other within the present unit of work."""
        metrics.GATHERED.observe(len(members))
        return await transfer_each(connection, payments=members)

    async def run_again(
        self, checkout: Checkout, member: Payment, result: Outcome[ShownTransfer]
    ) -> Outcome[ShownTransfer]:
        """Find the transfer by its key, or make it."""
        return await run_keyed_again(checkout, _transfer(member), first=result)


async def transfer_each(
    connection: Connection, *, payments: Sequence[Payment]
) -> list[Outcome[ShownTransfer] | Exception]:
    """Make transfers as `transfers.transfer` does, each on the balances that the earlier ones left, written together.

    The result has one member for each payment; KeyReused concerns that payment alone, so it is returned.
    """
    keys = IdempotencyKeyRepository(connection)
    accounts = await lock_each(connection, orders=[payment.order for payment in payments])
    stored = await keys.find_many(ids=[payment.key.id for payment in payments])
    results: dict[int, Result] = {}
    accepted: list[int] = []
    used = set(stored)
    async for index, payment in sliced(enumerate(payments)):
        if payment.key.id in used:
            continue
        refusal = judge_transfer(payment.order, accounts)
        if refusal is None:
            apply(payment.order, accounts)
            accepted.append(index)
        else:
            results[index] = refusal
        if refusal is None or refusal.stored:
            used.add(payment.key.id)
    rows = await write(connection, [payments[index].order for index in accepted], accounts)
    for index, row in zip(accepted, rows, strict=True):
        results[index] = ShownTransfer(row, row.accounts_of(payments[index].order.ordered_by))
    answered = [(payments[index].key, result) for index, result in results.items()]
    new = {key.id: to_store(key, result) for key, result in answered if key.id in used}
    if new:
        await keys.insert_many(keys=new)
    repeated = [payment.key for index, payment in enumerate(payments) if index not in results]
    replays = iter(await replay_each(connection, repeated, stored | new))
    return [Outcome(results[index]) if index in results else next(replays) for index in range(len(payments))]


def _transfer(payment: Payment) -> Keyed[ShownTransfer]:
    return partial(transfers.transfer, order=payment.order, key=payment.key)
