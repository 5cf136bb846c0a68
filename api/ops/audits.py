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
from repositories.audit import run
from repositories.audits import Audit as AuditRow
from repositories.audits import AuditRepository

router = APIRouter(prefix="/ops", tags=["operations"], route_class=OperationsRoute)


class CheckResult(Representation):
    """The rows that break one invariant, at most 100; empty if the invariant holds."""

    name: str
    rows: list[dict[str, Any]]
    in_flight: list[dict[str, Any]] | None = Field(
        default=None,
        exclude_if=lambda rows: rows is None,
        description="across the databases: unfinished purchases, which break nothing",
    )


class Audit(Representation):
    """The result of an audit. One of what is new keeps the rows that the audit before found."""

    ok: bool
    finished_at: Time
    completed_at: Time = Field(description="end of the last audit of all rows: this one, or one before it")
    checks: list[CheckResult]


class Running(Representation):
    """An audit that takes longer than its request may."""

    status: Literal["running"] = "running"


UNFINISHED = 202
UNFINISHED_RESPONSE: dict[int | str, dict[str, Any]] = {
    UNFINISHED: {"model": Running, "description": "The audit continues: read its result at `Location`"}
}
"""For OpenAPI."""


@router.post(
    "/audit",
    summary="Run an audit",
    responses=UNFINISHED_RESPONSE | answers("operator_required", "audit_running", *problems.BODY, *problems.WRITES),
    response_model=Audit | Running,
)
async def run_audit(
    _: OnCallWriter, main: OperatorMain, service: CurrentService, response: Response
) -> Audit | Running:
    """Check every invariant of both databases, store the result and return it.

    202 if that takes longer than the request may: the audit continues, and GET returns its result.
    """
    if service.auditing.locked():
        raise Problem("audit_running", "This process is running an audit already.")
    await main.give_back()
    outcomes: list[AuditRow | Exception] = []

    async def audit() -> None:
        try:
            async with service.auditing:
                outcomes.append(await run.run_audit(service.audited))
        except Exception as error:
            outcomes.append(error)
            if response.status_code == UNFINISHED:  # the request was answered: only the log can tell
                raise

    await service.background.run("audit", audit(), AUDIT_TIMEOUT)
    if not outcomes:
        response.status_code = UNFINISHED
        response.headers["Location"] = "/ops/audit"
        return Running()
    [outcome] = outcomes
    if isinstance(outcome, Exception):
        raise outcome
    return Audit.model_validate(outcome)


@router.get(
    "/audit", summary="Read the last audit", responses=answers("operator_required", "audit_not_found", *problems.OWN)
)
async def get_audit(_: OnCall, main: OperatorMain) -> Audit:
    """Return the result of the last audit, run by this route, by `folio audit` or on schedule."""
    audit = await AuditRepository(main.connection).get_last()
    if audit is None:
        raise Problem("audit_not_found", "No audit has run yet: POST /ops/audit, or `folio audit`.")
    return Audit.model_validate(audit)
