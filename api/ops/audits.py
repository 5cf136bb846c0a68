"""Audits over HTTP, for operators."""

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from api.http import problems
from api.http.authentication import OnCall, OnCallWriter
from api.http.dependencies import CurrentService, OperatorMain
from api.http.json_bodies import OperationsRoute
from api.http.problems import Problem, answers
from api.http.types import Representation, Time
from api.process.jobs import AUDIT_TIMEOUT
from repositories.audit import invariants as audits
from repositories.audits import Audit as AuditRow
from repositories.audits import AuditRepository

router = APIRouter(prefix="/ops", tags=["operations"], route_class=OperationsRoute)


class CheckFound(Representation):
    """One invariant and the rows that break it, 100 at the most: none when all is well."""

    name: str
    rows: list[dict[str, Any]]
    in_flight: list[dict[str, Any]] | None = Field(
        default=None,
        exclude_if=lambda found: found is None,
        description="across the databases: what is not at its end, and so not a break",
    )


class Audit(Representation):
    """What an audit found."""

    ok: bool
    finished_at: Time
    checks: list[CheckFound]


class Running(Representation):
    """An audit that takes longer than a request may."""

    status: Literal["running"] = "running"


UNFINISHED = 202
UNDER_WAY: dict[int | str, dict[str, Any]] = {
    UNFINISHED: {"model": Running, "description": "It goes on: read `Location` for what it found"}
}
"""For OpenAPI."""


@router.post(
    "/audit",
    summary="Run an audit",
    responses=UNDER_WAY | answers("operator_required", "audit_running", *problems.BODY, *problems.WRITES),
    response_model=Audit | Running,
)
async def run_audit(
    _: OnCallWriter, main: OperatorMain, service: CurrentService, response: Response
) -> Audit | Running:
    """Check every invariant of both service.pools, in one snapshot each, and show what was found.

    202 where that takes longer than a request may: it goes on, and GET shows what it found.
    """
    if service.auditing.locked():
        raise Problem("audit_running", "This process is running an audit already.")
    await main.give_back()
    found: list[AuditRow | Exception] = []

    async def audit() -> None:
        try:
            async with service.auditing:
                found.append(await audits.run(service.conninfos, service.operator_pools["main"]))
        except Exception as error:
            found.append(error)
            if response.status_code == UNFINISHED:  # nobody is told any more but by the log
                raise

    await service.background.run("audit", audit(), AUDIT_TIMEOUT)
    if not found:
        response.status_code = UNFINISHED
        response.headers["Location"] = "/ops/audit"
        return Running()
    if isinstance(found[0], Exception):
        raise found[0]
    return Audit.model_validate(found[0])


@router.get(
    "/audit", summary="Read the last audit", responses=answers("operator_required", "audit_not_found", *problems.OWN)
)
async def get_audit(_: OnCall, main: OperatorMain) -> Audit:
    """Show what the last audit found, whoever ran it."""
    found = await AuditRepository(main.connection).get_last()
    if found is None:
        raise Problem("audit_not_found", "No audit has run yet: POST /ops/audit, or `folio audit`.")
    return Audit.model_validate(found)
