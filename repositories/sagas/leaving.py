"""Leaving: what a user who left was selling goes off sale in the catalog, whatever happens to it meanwhile."""

from collections.abc import Mapping, Sequence

from repositories.postgres import unit_of_work as units
from repositories.postgres.pools import Database
from repositories.postgres.statements import Connection
from repositories.products import ProductRepository
from repositories.users import UserRepository

AGE = 60
"""Seconds after which no request of a user who left is under way: what it put up for sale is there by then."""
LEAVERS = 100
"""Users who left that a worker sees to at a time."""


async def take_off_sale(databases: Mapping[str, Database], *, seller_ids: Sequence[int]) -> None:
    """Archive what these users sell; any number of times."""

    async def archive(connection: Connection) -> None:
        await ProductRepository(connection).archive_by_seller(seller_ids=seller_ids)

    async with databases["catalog"].checkout() as checkout:
        await units.run(checkout, archive, keyed=True)


async def finish_leaving(databases: Mapping[str, Database]) -> int:
    """Take off sale, for good, what users sold who left a while ago; return of how many. Any process may do it."""
    async with databases["main"].checkout() as checkout:
        left = await UserRepository(checkout.connection).list_left(age=AGE, limit=LEAVERS)
    if not left:
        return 0
    await take_off_sale(databases, seller_ids=left)

    async def note(connection: Connection) -> None:
        await UserRepository(connection).set_off_sale(ids=left)

    async with databases["main"].checkout() as checkout:
        await units.run(checkout, note, keyed=True)
    return len(left)
