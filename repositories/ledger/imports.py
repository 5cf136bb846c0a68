"""Imports: transfers of another system, each made once for its key, in batches of one unit of work."""

from collections.abc import Sequence
from dataclasses import dataclass

from repositories.idempotency_keys import IdempotencyKeyRepository, KeyReused, StoredKey
from repositories.ledger.accounts import lock
from repositories.ledger.orders import apply, judge_transfer, write
from repositories.ledger.payments import Payment
from repositories.postgres.statements import Connection
from repositories.refusals import Refusal


@dataclass(frozen=True)
class Imported:
    """What a batch did: the transfers made, those that its keys had made earlier, and the refusal that ended it."""

    made: int
    earlier: int
    refusal: Refusal | None


async def import_batch(connection: Connection, *, payments: Sequence[Payment]) -> Imported:
    """Make transfers one after the other, up to the first that is refused.

    Any account may pay, so each order says that its payer consented. Locks the accounts by id. A refusal is not stored
    under its key: the same line may succeed in a later run.
    """
    keys = IdempotencyKeyRepository(connection)
    accounts = await lock(connection, pairs=[payment.order.account_ids for payment in payments])
    stored = await keys.find_many(ids=[payment.key.id for payment in payments])
    refusal: Refusal | None = None
    accepted: list[Payment] = []
    earlier = 0
    for payment in payments:
        if payment.key.id in stored:
            try:
                stored[payment.key.id].judge(payment.key)
            except KeyReused:
                refusal = Refusal(
                    "idempotency_key_reused", f"The key {payment.key.key!r} was used for another transfer."
                )
                break
            earlier += 1
            continue
        refusal = judge_transfer(payment.order, accounts)
        if refusal is not None:
            break
        apply(payment.order, accounts)
        accepted.append(payment)
    rows = await write(connection, [payment.order for payment in accepted], accounts)
    if rows:
        made = zip(accepted, rows, strict=True)
        await keys.insert_many(
            keys={
                payment.key.id: StoredKey(payment.key.request_hash, "import", row.id, None, {}) for payment, row in made
            }
        )
    return Imported(len(rows), earlier, refusal)
