"""Shares: how many connections of a pool one caller has at once, and the requests that wait for their caller's own."""

import asyncio
from collections import deque
from collections.abc import Hashable


class Shares:
    """The claims of each caller, at most `limit` at once. Callers without a claim are not kept."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._claims: dict[Hashable, int] = {}
        self._queues: dict[Hashable, deque[asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        return len(self._claims)

    def has_room(self, caller: Hashable) -> bool:
        """Return True if the caller has less than `limit` claims."""
        return self._claims.get(caller, 0) < self.limit

    async def claim(self, caller: Hashable) -> None:
        """Wait for a free claim, behind earlier requests of the same caller. A cancelled wait claims nothing."""
        if self.has_room(caller):
            self._claims[caller] = self._claims.get(caller, 0) + 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._queues.setdefault(caller, deque())
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(caller)  # the claim arrived together with the cancellation
            elif turn in queue:
                queue.remove(turn)
            raise

    def release(self, caller: Hashable) -> None:
        """End a claim; the caller's request that has waited longest gets it."""
        queue = self._queues.get(caller)
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._queues.pop(caller, None)
        if self._claims[caller] > 1:
            self._claims[caller] -= 1
        else:
            del self._claims[caller]
