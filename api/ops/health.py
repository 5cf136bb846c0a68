"""Health: alive without any database, ready only with both, at the schema of this release."""

from typing import Literal

from fastapi import APIRouter

from api.http.dependencies import CurrentService
from api.http.problems import Problem, answers
from api.http.types import Representation

router = APIRouter(tags=["operations"])


class Alive(Representation):
    """This process answers."""

    status: Literal["alive"] = "alive"


class Ready(Representation):
    """Both databases answer and have every migration."""

    status: Literal["ready"] = "ready"
    databases: dict[str, str]


@router.get("/livez", summary="Is this process alive?", responses=answers("internal_error"))
async def get_livez() -> Alive:
    """Answer without any database."""
    return Alive()


@router.get("/readyz", summary="Can requests be served?", responses=answers("not_ready", "internal_error"))
async def get_readyz(service: CurrentService) -> Ready:
    """Look at both databases and their schema, outside the pools: truthful when those are exhausted."""
    if service.drain.begun:
        raise Problem("not_ready", "Folio is shutting down.", headers={"Retry-After": "2"})
    found = {database: look.state for database, look in (await service.readiness.databases()).items()}
    wrong = [f"{database}: {state}" for database, state in found.items() if state != "ready"]
    if wrong:
        raise Problem("not_ready", "; ".join(wrong), headers={"Retry-After": "2"}, databases=found)
    return Ready(databases=found)
