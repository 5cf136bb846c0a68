"""The Idempotency-Key header: the same request under the same key is carried out once and answered alike.

The same request is the same method, path and JSON value of the body as it was sent, before defaults are filled in: a
key stays good when a release adds optional members. White space, the order of members and escapes do not count, and no
body is the same as `{}`.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from api.http.authentication import KeyDigest, Writer, writer_outside
from api.http.json_bodies import JsonRequest
from api.http.problems import Problem
from repositories.api_keys import Caller
from repositories.idempotency_keys import Key

_SORTED = json.JSONEncoder(sort_keys=True)
KeyHeader = Header(
    alias="Idempotency-Key",
    min_length=1,
    max_length=255,
    description="a value of your own, new for each request that is not a repeat",
    examples=["3c1f9a52-0d0e-4c43-b2a7-5f7d0f6f9e11"],
)


async def optional_key(
    request: Request, caller: Writer, idempotency_key: Annotated[str | None, KeyHeader] = None
) -> Key | None:
    """Return the caller's key with the hash of this request, or None if the request has no key."""
    request.state.keyed = idempotency_key is not None
    if idempotency_key is None:
        return None
    path = request.scope["path"]
    body = await request.json() if isinstance(request, JsonRequest) else None
    return Key(
        user_id=caller.user_id,
        key=idempotency_key,
        request_hash=_hash(request.method, path, body),
        equal_hash=None if body else _hash(request.method, path, {} if body is None else None),
        request_id=request.state.request_id,
    )


async def required_key(
    request: Request, caller: Writer, idempotency_key: Annotated[str | None, KeyHeader] = None
) -> Key:
    """Return the caller's key with the hash of this request; raise 400 `idempotency_key_missing` without one."""
    key = await optional_key(request, caller, idempotency_key)
    if key is None:
        raise Problem("idempotency_key_missing", "Send an Idempotency-Key, so that the request is safe to repeat.")
    return key


@dataclass(frozen=True)
class Payer:
    """The caller of a request that moves money, and its key."""

    caller: Caller
    key: Key


async def payer(
    request: Request, key_digest: KeyDigest, idempotency_key: Annotated[str | None, KeyHeader] = None
) -> Payer:
    """Return caller and key as one dependency: FastAPI solves each one at the cost of a part of every request."""
    caller = await writer_outside(request, key_digest)
    return Payer(caller, await required_key(request, caller, idempotency_key))


OptionalKey = Annotated[Key | None, Depends(optional_key)]
RequiredKey = Annotated[Key, Depends(required_key)]
PayerWithKey = Annotated[Payer, Depends(payer)]


def _hash(method: str, path: str, body: object) -> bytes:
    """Return the hash of a request. It is stored with every key, so it never changes."""
    return hashlib.sha256(_SORTED.encode([method, path, body]).encode()).digest()
