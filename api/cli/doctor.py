"""`folio doctor`: check the settings, both databases and their servers, and advise. It changes nothing."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich import box
from rich.markup import escape
from rich.table import Table

from api.cli.terminal import AsJson, output, put, say
from api.process import startup
from api.process.settings import Settings, complaints, place, strangers
from repositories.doctor import findings
from repositories.doctor.advice import Advice, Cores, advise
from repositories.doctor.examination import Examination, examine_pair, unchecked
from repositories.doctor.findings import Finding, Status
from repositories.embedded import EmbeddedServerError, home
from repositories.postgres.pools import PoolOptions
from repositories.schema.databases import DATABASES

SPARSE_DISK_BYTES = 2 << 30
"""Free space: twice the usual maximum of the write-ahead log (max_wal_size, 1 GB)."""
FULL_DISK_BYTES = 256 << 20
"""Free space: next to nothing."""
UNUSUAL: Mapping[str, Callable[[Settings], str | None]] = {
    "FOLIO_FAILPOINT": lambda settings: settings.failpoint and "the process kills itself at this step, for tests only",
    "FOLIO_REGISTRATIONS_PER_MINUTE": lambda settings: (
        None if settings.registrations_per_minute else "registrations are not limited"
    ),
    "FOLIO_WRONG_KEYS_PER_MINUTE": lambda settings: (
        None if settings.wrong_keys_per_minute else "guesses are not limited"
    ),
    "FOLIO_AUDIT_INTERVAL": lambda settings: None if settings.audit_interval else "no audits are scheduled",
}
"""Settings that are set on purpose or by mistake, and their effect; None if the value is usual."""
STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILED: "red", Status.UNKNOWN: "magenta"}


@dataclass(frozen=True)
class Report:
    """All findings; the advice on the pools if every server answered, and the pools' present options."""

    findings: list[Finding]
    advice: Mapping[str, Advice] = field(default_factory=dict)
    pools: Mapping[str, PoolOptions] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True if no check failed; a warning is no failure."""
        return all(finding.status is not Status.FAILED for finding in self.findings)


def doctor(
    *,
    workers: Annotated[int | None, typer.Option(help="Worker processes of `serve` (FOLIO_WORKERS).")] = None,
    as_json: AsJson = False,
) -> None:
    """Check settings, servers and pools, and print remedies; exits with 1 if a check fails."""
    if workers is not None:
        os.environ["FOLIO_WORKERS"] = str(workers)
    report = examine(say)
    if as_json:
        put(json.dumps(_members(report)))
    else:
        _show(report)
    if not report.ok:
        sys.exit(1)


def examine(announce: Callable[[str], None]) -> Report:
    """Run every check; a failing check becomes a finding and never stops the others."""
    try:
        settings = Settings()
        for database in DATABASES:
            settings.pool(database)
    except ValueError as error:
        reasons = complaints(error) if isinstance(error, ValidationError) else [str(error)]
        remedy = "Correct it; README.md lists every setting."
        invalid = [Finding("settings", None, Status.FAILED, reason, "valid", remedy) for reason in reasons]
        return Report([*invalid, *unchecked(DATABASES, "Correct the settings first.")])
    report = [*_judge_settings(settings), *(_locate(settings, database) for database in DATABASES)]
    if settings.embedded and not home.find(settings.data_dir).cluster.exists():
        remedy = "Run `folio serve`: the first time, it creates the server and both databases."
        server = Finding("embedded server", None, Status.WARNING, "not created yet", "created", remedy)
        return Report([*report, server, *unchecked(DATABASES, "Run `folio serve` first.")])
    try:
        with startup.servers(settings, announce):
            if settings.embedded:
                report.append(_judge_disk(settings))
            return asyncio.run(_examine(settings, report))
    except EmbeddedServerError as error:
        server = Finding("embedded server", None, Status.FAILED, str(error), "running", "Fix the cause.")
        return Report([*report, server, *unchecked(DATABASES, "Fix the embedded server first.")])


async def _examine(settings: Settings, report: list[Finding]) -> Report:
    """Examine both databases at once, with the login that serves, then run the checks that need both."""
    conninfos = startup.serving(settings)
    by_serve = settings.embedded or settings.migrate_on_start
    both = [Examination(database, conninfos[database], migrated_by_serve=by_serve) for database in DATABASES]
    await asyncio.gather(*(examination.run() for examination in both))
    limits = {examination.database: examination.limits for examination in both if examination.limits is not None}
    report.append(await examine_pair(conninfos))
    # Databases may share a server: only the limits of both tell.
    demands = startup.demands(settings, limits) if len(limits) == len(both) else {}
    advice = {}
    for examination in both:
        report += examination.findings
        name = examination.database
        if examination.connections is None or name not in demands:
            report += unchecked([name], "Fix the connections to both databases first.", ["connections"])
            continue
        report.append(findings.judge_connections(name, demands[name], examination.connections, startup.TOO_MANY))
        advice[name] = advise(name, Cores.count_for(conninfos[name]), demands[name], None)
    return Report(report, advice, {name: settings.pool(name) for name in advice})


def _judge_settings(settings: Settings) -> list[Finding]:
    unusual = {name: effect for name, judge in UNUSUAL.items() if (effect := judge(settings))}
    unknown = dict.fromkeys(strangers(os.environ), "there is no such setting")
    remedy = "Unset it, unless it is intended."
    return [
        Finding("settings", None, Status.WARNING, f"{name} is set: {effect}", "unset", remedy)
        for name, effect in (unusual | unknown).items()
    ]


def _locate(settings: Settings, database: str) -> Finding:
    """Return the location of a database, without its password."""
    if settings.embedded:
        location = f"embedded, in {settings.data_dir.absolute()}"
    else:
        location = place(startup.conninfos(settings)[database])
    return Finding("settings", database, Status.OK, location, "a URL, or embedded", "")


def _judge_disk(settings: Settings) -> Finding:
    folder = home.find(settings.data_dir).path
    free = shutil.disk_usage(folder).free
    return Finding(
        *(
            "disk",
            None,
            Status.FAILED if free < FULL_DISK_BYTES else Status.WARNING.unless(good=free >= SPARSE_DISK_BYTES),
        ),
        f"{free / (1 << 30):.1f} GiB free in {folder}",
        f"{SPARSE_DISK_BYTES >> 30} GiB or more",
        "Free disk space: PostgreSQL stops when it cannot write.",
    )


def _members(report: Report) -> dict[str, Any]:
    """Return the report as JSON members."""
    lines = [
        {
            "check": finding.check,
            "database": finding.database,
            "status": finding.status,
            "is": finding.value,
            "should_be": finding.expected,
            "do": finding.todo,
        }
        for finding in report.findings
    ]
    advice = [{"database": name} | vars(sizes) for name, sizes in report.advice.items()]
    return {"ok": report.ok, "findings": lines, "advice": advice}


def _show(report: Report) -> None:
    """Print a line for each finding; equal findings of both databases share a line."""
    lines: dict[Finding, list[str]] = {}
    for finding in report.findings:
        lines.setdefault(replace(finding, database=None), []).append(finding.database or "")
    order = list(dict.fromkeys(finding.check for finding in report.findings))
    table = _table("status", "check", "database", "is", "should be", "do")
    for finding in sorted(lines, key=lambda finding: order.index(finding.check)):
        cells = (finding.check, "\n".join(lines[finding]), finding.value, finding.expected, finding.todo or "")
        table.add_row(f"[{STYLES[finding.status]}]{finding.status}[/]", *map(escape, cells))
    output.print(table, soft_wrap=False)
    if not report.advice:
        return
    output.print()
    table = _table("pool", "setting", "is", "should be", "why")
    for name, advice in report.advice.items():
        pool = report.pools[name]
        sizes = (f"{pool.max_size}\n{pool.min_size}", f"{advice.max_size}\n{advice.min_size}")
        table.add_row(name, "POOL_MAX_SIZE\nPOOL_MIN_SIZE", *sizes, advice.why)
    output.print(table, soft_wrap=False)


def _table(*columns: str) -> Table:
    """Return an empty table that wraps sentences, but no names and numbers."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in {"status", "check", "database", "pool", "setting"})
    return table
