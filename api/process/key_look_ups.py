"""Look-ups of keys, gathered if there are many at once."""

from collections.abc import Awaitable, Callable, Sequence

from repositories.api_keys import ApiKeyRepository, Caller
from repositories.postgres.gathering import Gathering
from repositories.postgres.pools import Checkout, Pool
from repositories.postgres.statements import Connection

MAX_KEYS = 1000
"""Keys that one statement looks up at most."""


class KeyLookUps(Gathering[bytes, Caller | None]):
    """The look-ups of a process, each of the SHA-256 of a key; the result is None if the key is not valid."""

    def __init__(self, main: Pool) -> None:
        super().__init__("gathered look-ups of keys", main, limit=MAX_KEYS)

    async def run_alone(self, checkout: Checkout, member: bytes) -> Caller | None:
        """Look one key up."""
        return await ApiKeyRepository(checkout.connection).authenticate(digest=member)

    async def run_together(self, connection: Connection, members: Sequence[bytes]) -> list[Caller | Exception | None]:
        """Look keys up by one statement."""
        callers = await ApiKeyRepository(connection).authenticate_many(digests=members)
        return [callers.get(member) for member in members]

    async def in_unit(self, checkout: Checkout, work: Callable[[Connection], Awaitable[None]]) -> None:
        """Run `work` outside a unit of work: it only reads."""
        await work(checkout.connection)
