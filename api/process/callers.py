"""Callers as this process knows them without a database: the owners of keys, and addresses.

Memory is bounded: the key or address that was used least recently is forgotten first.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Generic, TypeVar

from repositories.api_keys import Caller

MAX_KEYS = 10_000
"""Keys that are remembered."""
MAX_ADDRESSES = 10_000
"""Addresses over their limit of invalid keys that are remembered."""
KEY_SECONDS = 3600.0
"""Seconds after its last use until a key is forgotten."""

Key = TypeVar("Key")
Value = TypeVar("Value")
CallerName = int | str
"""A user's id, or an address."""


@dataclass(frozen=True)
class LookUp:
    """A look-up of a key: its beginning, and how many times keys had been distrusted by then."""

    began: float
    distrusted: int


@dataclass(frozen=True)
class _Owner:
    user_id: int
    caller: Caller | None = None
    """The result of the last look-up; None if the next use must look the key up."""
    began: float = 0.0
    """The time at which that look-up began."""


class Callers:
    """The keys, blocked addresses and requests in flight of one process.

    A valid key is not looked up again for `key_cache_seconds`. An invalid key is never remembered as such.
    """

    def __init__(self, key_cache_seconds: float = 0.0) -> None:
        self._key_cache_seconds = key_cache_seconds
        self._owners: _Memory[bytes, _Owner] = _Memory(MAX_KEYS)
        self._distrusted = 0
        self._blocked: _Memory[str, None] = _Memory(MAX_ADDRESSES)
        self._in_flight: dict[CallerName, int] = {}
        self.total_in_flight = 0

    def name(self, digest: bytes | None, address: str) -> CallerName:
        """Return the owner of a key that was found valid lately; otherwise the address."""
        owner = None if digest is None else self._owners.get(digest)
        return address if owner is None else owner.user_id

    def knows(self, digest: bytes) -> bool:
        """Return True if this process issued the key or found it valid within KEY_SECONDS."""
        return self._owners.get(digest) is not None

    def find(self, digest: bytes) -> Caller | None:
        """Return the caller of a key that need not be looked up; None if it must be."""
        owner = self._owners.get(digest)
        if owner is None or owner.caller is None or time.monotonic() >= owner.began + self._key_cache_seconds:
            return None
        expires_at = owner.caller.expires_at
        return owner.caller if expires_at is None or expires_at > datetime.now(UTC) else None

    def remember(self, digest: bytes, user_id: int) -> None:
        """Record the owner of a key that was issued; its first use looks it up."""
        self._owners.put(digest, _Owner(user_id), KEY_SECONDS)

    def look_up(self) -> LookUp:
        """Begin to look a key up."""
        return LookUp(time.monotonic(), self._distrusted)

    def confirm(self, digest: bytes, caller: Caller, look_up: LookUp) -> None:
        """Record that a look-up found a key valid. If any key was distrusted meanwhile, the next use looks it up."""
        stale = look_up.distrusted != self._distrusted
        owner = _Owner(caller.user_id, None if stale else caller, look_up.began)
        self._owners.put(digest, owner, KEY_SECONDS)

    def doubt(self, digest: bytes) -> None:
        """Let the next use of a key look it up."""
        if (owner := self._owners.get(digest)) is not None:
            self._owners.replace(digest, _Owner(owner.user_id))

    def forget(self, digest: bytes) -> None:
        """Record that a key is invalid."""
        self._owners.pop(digest)

    @contextmanager
    def changing(self, user_id: int) -> Iterator[None]:
        """Change a user's keys or role in this context; afterwards the next use of each of their keys looks it up."""
        try:
            yield
        finally:
            self._distrust(user_id)

    def _distrust(self, user_id: int) -> None:
        self._distrusted += 1
        for digest, owner in self._owners.items():
            if owner.user_id == user_id:
                self._owners.replace(digest, _Owner(user_id))

    def block(self, address: str, seconds: float) -> None:
        """Record that an address is over its limit of invalid keys for so many seconds."""
        self._blocked.put(address, None, seconds)

    def blocked_seconds(self, address: str) -> float:
        """Return the seconds for which an address stays over its limit; 0 if it is not."""
        return self._blocked.seconds_left(address)

    def in_flight(self, caller: CallerName, *, counts: bool) -> "InFlight":
        """Return a request of a caller, to be counted while it is in flight if `counts` is True."""
        return InFlight(self, caller, counts=counts)

    def add(self, caller: CallerName, number: int) -> int:
        """Add a number, which may be negative, to the requests in flight; return how many the caller has then."""
        self.total_in_flight += number
        count = self._in_flight.get(caller, 0) + number
        if count:
            self._in_flight[caller] = count
        else:
            del self._in_flight[caller]
        return count


class InFlight:
    """A context in which a request counts among its caller's and its process's, unless it follows an account."""

    def __init__(self, callers: Callers, caller: CallerName, *, counts: bool) -> None:
        self._callers = callers
        self._caller = caller
        self._counts = counts
        self.of_caller = 0
        """The caller's requests in flight when this one began, itself included."""
        self.follows = False

    def __enter__(self) -> None:
        if self._counts:
            self.of_caller = self._callers.add(self._caller, 1)

    def __exit__(self, *_: object) -> None:
        if self._counts:
            self._callers.add(self._caller, -1)
            self._counts = False

    def follow(self) -> None:
        """Count the request no more: followers have limits of their own."""
        self.follows = True
        self.__exit__()


@lru_cache(MAX_ADDRESSES)
def address_of(host: str) -> str:
    """Return a client's IPv4 address, or the /64 network of its IPv6 address: one household has a whole /64."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address), 64), strict=False))
    return str(address)


class _Memory(Generic[Key, Value]):
    """Values that end after some seconds, at most `size` of them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[Key, tuple[Value, float]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        entry = self._entries.get(key)
        return None if entry is None or entry[1] <= time.monotonic() else entry[0]

    def seconds_left(self, key: Key) -> float:
        entry = self._entries.get(key)
        return 0.0 if entry is None else max(0.0, entry[1] - time.monotonic())

    def put(self, key: Key, value: Value, seconds: float) -> None:
        self._entries[key] = value, time.monotonic() + seconds
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def items(self) -> list[tuple[Key, Value]]:
        return [(key, value) for key, (value, _) in self._entries.items()]

    def replace(self, key: Key, value: Value) -> None:
        self._entries[key] = value, self._entries[key][1]

    def pop(self, key: Key) -> None:
        self._entries.pop(key, None)
