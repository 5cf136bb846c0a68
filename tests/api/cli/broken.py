"""Applications that cannot start."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI


@asynccontextmanager
async def _failing(_: FastAPI) -> AsyncIterator[None]:
    raise RuntimeError("cannot start")
    yield


def ends_in_its_lifespan() -> FastAPI:
    return FastAPI(lifespan=_failing)


def ends_at_its_import() -> FastAPI:
    raise RuntimeError("cannot be imported")
