"""Operations over HTTP, for operators: the audit."""

import asyncio
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from api import problems
from api.dependencies import Main, Operator, OperatorWriter
from api.problems import Problem, answers
from api.types import Representation, Time
from repositories import audits, units
from repositories.audits import AuditRepository, Check
from repositories.statements import Connection

router = APIRouter(prefix="/ops", tags=["operations"])


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


async def keep(connection: Connection, *, checks: list[Check]) -> audits.Audit:
    """Keep what an audit found, in a unit of work."""
    return await AuditRepository(connection).insert(checks=checks)


@router.post(
    "/audit", summary="Run an audit", responses=answers("operator_required", "audit_running", *problems.WRITES)
)
async def run_audit(_: OperatorWriter, request: Request, main: Main) -> Audit:
    """Check every invariant of both databases, in one snapshot each, and show what was found."""
    running: asyncio.Lock = request.app.state.auditing
    if running.locked():
        raise Problem("audit_running", "This process is running an audit already.")
    async with running:
        await main.give_back()
        checks = await audits.audit(request.app.state.conninfos)
        await main.renew()
        return Audit.model_validate(await units.run(main, partial(keep, checks=checks)))


@router.get(
    "/audit", summary="Read the last audit", responses=answers("operator_required", "audit_not_found", *problems.OWN)
)
async def get_audit(_: Operator, main: Main) -> Audit:
    """Show what the last audit found, whoever ran it."""
    found = await AuditRepository(main.connection).get_last()
    if found is None:
        raise Problem("audit_not_found", "No audit has run yet: POST /ops/audit, or `folio audit`.")
    return Audit.model_validate(found)
