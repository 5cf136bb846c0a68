"""Leaving: a user leaves in one unit of work; then a job takes their products off sale in the catalog."""

from collections.abc import Mapping, Sequence

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
"""Users whose products one round of the job takes off sale at most."""


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
    await AccountRepository(connection).close_owned(owner_id=user_id)
    await PostRepository(connection).delete_by_author(author_id=user_id)
    await ApiKeyRepository(connection).revoke_all(user_id=user_id)
    await users.delete(id=user_id)
    return None


async def take_off_sale(pools: Mapping[str, Pool], *, seller_ids: Sequence[int]) -> None:
    """Archive every product of these users; a repeat changes nothing."""

    async def archive(connection: Connection) -> None:
        await ProductRepository(connection).archive_by_seller(seller_ids=seller_ids)

    async with pools["catalog"].checkout() as checkout:
        await unit_of_work.run(checkout, archive, repeatable=True)


async def finish_leaving(pools: Mapping[str, Pool]) -> int:
    """Take products off sale if their seller left SETTLED_SECONDS ago or earlier; return the number of sellers."""
    async with pools["main"].checkout() as checkout:
        left = await UserRepository(checkout.connection).list_left(age=SETTLED_SECONDS, limit=USERS_AT_ONCE)
    if not left:
        return 0
    await take_off_sale(pools, seller_ids=left)

    async def record(connection: Connection) -> None:
        await UserRepository(connection).set_off_sale(ids=left)

    async with pools["main"].checkout() as checkout:
        await unit_of_work.run(checkout, record, repeatable=True)
    return len(left)
