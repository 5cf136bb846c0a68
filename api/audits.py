"""Audits over HTTP, for operators."""

import asyncio
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from api import problems
from api.dependencies import OnCall, OnCallWriter, Operations
from api.problems import Problem, answers
from api.types import Representation, Time
from repositories import audits, units
from repositories.audits import AuditRepository

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


@router.post(
    "/audit", summary="Run an audit", responses=answers("operator_required", "audit_running", *problems.WRITES)
)
async def run_audit(_: OnCallWriter, request: Request, operations: Operations) -> Audit:
    """Check every invariant of both databases, in one snapshot each, and show what was found."""
    running: asyncio.Lock = request.app.state.auditing
    if running.locked():
        raise Problem("audit_running", "This process is running an audit already.")
    async with running:
        await operations.give_back()
        checks = await audits.audit(request.app.state.conninfos)
        await operations.renew()
        return Audit.model_validate(await units.run(operations, partial(audits.keep, checks=checks)))


@router.get(
    "/audit", summary="Read the last audit", responses=answers("operator_required", "audit_not_found", *problems.OWN)
)
async def get_audit(_: OnCall, operations: Operations) -> Audit:
    """Show what the last audit found, whoever ran it."""
    found = await AuditRepository(operations.connection).get_last()
    if found is None:
        raise Problem("audit_not_found", "No audit has run yet: POST /ops/audit, or `folio audit`.")
    return Audit.model_validate(found)
