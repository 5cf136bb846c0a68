"""Leaving: a user leaves in one unit of work; then their products go off sale and their posts are deleted, in batches.

Posts of a user who left are not shown, so their deletion may take its time.
"""

from collections.abc import Awaitable, Callable, Mapping

from repositories.accounts import AccountRepository
from repositories.api_keys import ApiKeyRepository
from repositories.ledger.accounts import lock_owned
from repositories.postgres import unit_of_work
from repositories.postgres.pools import Pool
from repositories.postgres.statements import Connection
from repositories.posts import PostRepository
from repositories.preconditions import Precondition
from repositories.products import ProductRepository
from repositories.purchases import PurchaseRepository
from repositories.refusals import USER_LEFT, Refusal
from repositories.users import UserRepository

SETTLED_SECONDS = 60
"""Seconds after which no request of a user who left is in flight: every product they put up for sale is visible."""
USERS_AT_ONCE = 100
"""Most users that one round of the job cleans up after."""
ROWS_AT_ONCE = 1000
"""Products or posts in one unit of work: its locks last some milliseconds, and others get the connection after it."""


async def leave(connection: Connection, *, user_id: int, precondition: Precondition) -> Refusal | None:
    """Let a user leave if their accounts are empty and their purchases finished. The ledger rows stay.

    Locks the user, then all their accounts.
    """
    users = UserRepository(connection)
    user = await users.lock(id=user_id)
    if user is None:
        return USER_LEFT
    refusal = precondition.refusal(user.tag)
    if refusal is not None:
        return refusal
    owned = await lock_owned(connection, owner_id=user_id)
    if await PurchaseRepository(connection).has_unfinished(user_id=user_id):
        return Refusal("purchases_pending", "A purchase that you buy or sell in is still in progress.")
    if any(account.balance or account.held for account in owned.values()):
        return Refusal("balance_not_zero", "Empty your accounts first.")
    await AccountRepository(connection).close_owned(owner_id=user_id, accounts=list(owned.values()))
    await ApiKeyRepository(connection).revoke_all(user_id=user_id, revoked_by=user_id)
    await users.delete(id=user_id)
    return None


async def clean_up(pools: Mapping[str, Pool], *, user_id: int) -> None:
    """Archive every product and delete every post of a user who left; a repeat continues."""

    async def archive(connection: Connection) -> int:
        return await ProductRepository(connection).archive_by_seller(seller_id=user_id, limit=ROWS_AT_ONCE)

    async def delete(connection: Connection) -> int:
        return await PostRepository(connection).delete_by_author(author_id=user_id, limit=ROWS_AT_ONCE)

    await _in_batches(pools["catalog"], archive)
    await _in_batches(pools["main"], delete)


async def finish_leaving(pools: Mapping[str, Pool]) -> int:
    """Clean up after users who left SETTLED_SECONDS ago or earlier; return the number of users."""
    async with pools["main"].checkout() as checkout:
        left = await UserRepository(checkout.connection).list_left(age=SETTLED_SECONDS, limit=USERS_AT_ONCE)
    for user_id in left:
        await clean_up(pools, user_id=user_id)

        async def record(connection: Connection, user_id: int = user_id) -> None:
            await UserRepository(connection).set_off_sale(ids=[user_id])

        async with pools["main"].checkout() as checkout:
            await unit_of_work.run(checkout, record, repeatable=True)
    return len(left)


async def _in_batches(pool: Pool, work: Callable[[Connection], Awaitable[int]]) -> None:
    """Run `work` until it finds no more rows, each time as a unit of work on a connection that goes back after it."""
    while True:
        async with pool.checkout() as checkout:
            if not await unit_of_work.run(checkout, work, repeatable=True, final=False):
                return
