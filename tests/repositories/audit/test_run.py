"""Running an audit: every check is reported once, the result is stored, and the pool stays free meanwhile."""

from fastapi import FastAPI

from api.process.service import service_of
from repositories.audit import run
from repositories.audits import AuditRepository, Check


async def test_an_audit_reports_each_check_once_and_stores_its_result(app: FastAPI) -> None:
    """`on_check` gets every check as it ends, without a connection of the pool; the result is the stored one."""
    service = service_of(app)
    main = service.operator_pools["main"]
    reported: list[str] = []
    checkouts: list[int] = []

    def on_check(check: Check) -> None:
        reported.append(check.name)
        checkouts.append(main.stats().checkouts)

    audit = await run.run_audit(service.conninfos, main, on_check)
    assert len(set(reported)) == len(reported) == run.CHECK_COUNT
    assert [check["name"] for check in audit.checks] == reported
    assert (set(checkouts), main.stats().checkouts) == ({0}, 1)
    async with main.checkout() as checkout:
        assert await AuditRepository(checkout.connection).get_last() == audit
