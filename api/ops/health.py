"""Health: a process is alive without any database, and ready only if both have every migration of this release."""

from typing import Literal

from fastapi import APIRouter, Response

from api.http import problems
from api.http.answers import answer
from api.http.dependencies import CurrentService
from api.http.json_bodies import OperationsRoute
from api.http.problems import Problem, answers
from api.http.types import Representation

router = APIRouter(tags=["operations"], route_class=OperationsRoute)


class Alive(Representation):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(Representation):
    """Both databases answer and have every migration."""

    status: Literal["ready"] = "ready"
    databases: dict[str, str]


@router.get("/livez", summary="Check that the process is alive", responses=answers(*problems.ANY), response_model=Alive)
async def get_livez() -> Response:
    """Answer without a database connection."""
    return answer(Alive())


@router.get("/readyz", summary="Check that requests can be served", responses=answers("not_ready", *problems.ANY))
async def get_readyz(service: CurrentService) -> Ready:
    """Check both databases and their migrations, on connections outside the pools: exhausted pools are not a reason."""
    if service.drain.begun:
        raise Problem("not_ready", "Folio is shutting down.", headers={"Retry-After": "2"})
    states = {database: state.summary for database, state in (await service.readiness.databases()).items()}
    reasons = [f"{database}: {state}" for database, state in states.items() if state != "ready"]
    if reasons:
        raise Problem("not_ready", "; ".join(reasons), headers={"Retry-After": "2"}, databases=states)
    return Ready(databases=states)
