"""Operators whose key was found good lately: they may read what needs no database while the main database is away."""

import time

from repositories.api_keys import Caller

REMEMBERED_SECONDS = 3600.0
"""Seconds for which an operator's key is remembered."""
MAX_REMEMBERED = 100
"""Operators' keys that one process remembers, by SHA-256: the latest."""


class Operators:
    """The operators of the latest keys, by the hash of the key."""

    def __init__(self) -> None:
        self._callers: dict[bytes, tuple[float, Caller]] = {}

    def remember(self, digest: bytes, caller: Caller) -> None:
        """Remember the owner of a key that was just found good; forget the key if its owner is no operator."""
        self.forget(digest)
        if caller.operator:
            self._callers[digest] = (time.monotonic() + REMEMBERED_SECONDS, caller)
            if len(self._callers) > MAX_REMEMBERED:
                del self._callers[next(iter(self._callers))]

    def forget(self, digest: bytes) -> None:
        """Forget a key that was found invalid."""
        self._callers.pop(digest, None)

    def recall(self, digest: bytes) -> Caller | None:
        """Return the operator of a key, if the key was found good within the last hour."""
        ends, caller = self._callers.get(digest, (0.0, None))
        return caller if time.monotonic() < ends else None
