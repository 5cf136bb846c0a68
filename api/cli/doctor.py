"""The doctor: looks at the settings, both databases and their servers, and says what to do. It changes nothing."""

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
from api.process.settings import DATABASES, Settings, complaints, place, strangers
from repositories.doctor import findings
from repositories.doctor.advice import Advice, Cores, advise
from repositories.doctor.examination import Examination, not_looked_at
from repositories.doctor.findings import Finding, Status
from repositories.embedded import EmbeddedServerError, home
from repositories.postgres.pools import PoolOptions

SPARSE, FULL = 2 << 30, 256 << 20
"""Bytes free: twice what the write-ahead log may grow to (max_wal_size, 1 GB); and next to nothing."""
UNUSUAL: Mapping[str, Callable[[Settings], str | None]] = {
    "FOLIO_FAILPOINT": lambda settings: settings.failpoint and "a process kills itself there: for tests only",
    "FOLIO_REGISTRATIONS_PER_MINUTE": lambda settings: None if settings.registrations_per_minute else "no limit",
    "FOLIO_WRONG_KEYS_PER_MINUTE": lambda settings: None if settings.wrong_keys_per_minute else "keys may be guessed",
    "FOLIO_AUDIT_INTERVAL": lambda settings: None if settings.audit_interval else "no scheduled audits",
}
"""Settings that are as they are for a reason or by mistake, and what that means."""
STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILED: "red", Status.UNKNOWN: "magenta"}


@dataclass(frozen=True)
class Report:
    """All findings; what the sizes of the pools should be, where that can be said, and what they are."""

    findings: list[Finding]
    advice: Mapping[str, Advice] = field(default_factory=dict)
    pools: Mapping[str, PoolOptions] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing failed; a warning is no failure."""
        return all(finding.status is not Status.FAILED for finding in self.findings)


def doctor(
    *,
    workers: Annotated[int | None, typer.Option(help="As `serve` is given them (FOLIO_WORKERS).")] = None,
    as_json: AsJson = False,
) -> None:
    """Say of settings, servers and pools what is, what should be and what to do; exits with 1 where one fails."""
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
    """Look at everything; what fails has its line and keeps nothing else from having one."""
    try:
        settings = Settings()
        for database in DATABASES:
            settings.pool(database)
    except ValueError as error:
        wrong = complaints(error) if isinstance(error, ValidationError) else [str(error)]
        lines = [
            Finding("settings", None, Status.FAILED, line, "as the README says", "Set it right.") for line in wrong
        ]
        return Report([*lines, *not_looked_at(DATABASES, "the settings")])
    found = [*_of_settings(settings), *(_of_place(settings, database) for database in DATABASES)]
    if settings.embedded and not home.find(settings.data_dir).cluster.exists():
        remedy = "The first `folio serve` makes it, and both databases."
        line = Finding("embedded server", None, Status.WARNING, "not made yet", "made", remedy)
        return Report([*found, line, *not_looked_at(DATABASES, "the embedded server")])
    try:
        with startup.servers(settings, announce):
            if settings.embedded:
                found.append(_of_disk(settings))
            return asyncio.run(_examine(settings, found))
    except EmbeddedServerError as error:
        line = Finding("embedded server", None, Status.FAILED, str(error), "runs", "Do what it says.")
        return Report([*found, line, *not_looked_at(DATABASES, "the embedded server")])


async def _examine(settings: Settings, found: list[Finding]) -> Report:
    """Look at both databases at once, as the service sees them, and at what needs both."""
    conninfos = startup.serving(settings)
    by_serve = settings.embedded or settings.migrate_on_start
    both = [Examination(database, conninfos[database], migrated_by_serve=by_serve) for database in DATABASES]
    await asyncio.gather(*(examination.run() for examination in both))
    limits = {examination.database: examination.limits for examination in both if examination.limits is not None}
    # Which databases share a server is known once both have answered.
    demands = startup.demands(settings, limits) if len(limits) == len(both) else {}
    advice = {}
    for examination in both:
        found += examination.findings
        name = examination.database
        if examination.use is None or name not in demands:
            found += not_looked_at([name], "both connections", ["connections"])
            continue
        found.append(findings.of_connections(name, demands[name], examination.use, startup.TOO_MANY))
        advice[name] = advise(name, Cores.beside(conninfos[name]), demands[name], None)
    return Report(found, advice, {name: settings.pool(name) for name in advice})


def _of_settings(settings: Settings) -> list[Finding]:
    unusual = {name: meaning for name, of in UNUSUAL.items() if (meaning := of(settings))}
    unread = dict.fromkeys(strangers(os.environ), "nothing reads it")
    return [
        Finding("settings", None, Status.WARNING, f"{name} is set: {meaning}", "unset", "Unset it, unless it is meant.")
        for name, meaning in (unusual | unread).items()
    ]


def _of_place(settings: Settings, database: str) -> Finding:
    """Say where a database is, without any password."""
    if settings.embedded:
        found = f"embedded, in {settings.data_dir.absolute()}"
    else:
        found = place(startup.conninfos(settings)[database])
    return Finding("settings", database, Status.OK, found, "a URL, or embedded", "")


def _of_disk(settings: Settings) -> Finding:
    folder = home.find(settings.data_dir).path
    free = shutil.disk_usage(folder).free
    return Finding(
        *("disk", None, Status.FAILED if free < FULL else Status.WARNING.unless(good=free >= SPARSE)),
        f"{free / (1 << 30):.1f} GiB free in {folder}",
        f"{SPARSE >> 30} GiB or more",
        "Make room: PostgreSQL stops when it cannot write.",
    )


def _members(report: Report) -> dict[str, Any]:
    """Return what a script reads."""
    lines = [
        {
            "check": finding.check,
            "database": finding.database,
            "status": finding.status,
            "is": finding.found,
            "should_be": finding.expected,
            "do": finding.todo,
        }
        for finding in report.findings
    ]
    advice = [{"database": name} | vars(given) for name, given in report.advice.items()]
    return {"ok": report.ok, "findings": lines, "advice": advice}


def _show(report: Report) -> None:
    """Show a line for each finding, one for both databases where they are alike."""
    lines: dict[Finding, list[str]] = {}
    for finding in report.findings:
        lines.setdefault(replace(finding, database=None), []).append(finding.database or "")
    order = list(dict.fromkeys(finding.check for finding in report.findings))
    table = _table("status", "check", "database", "is", "should be", "do")
    for finding in sorted(lines, key=lambda finding: order.index(finding.check)):
        words = (finding.check, "\n".join(lines[finding]), finding.found, finding.expected, finding.todo or "")
        table.add_row(f"[{STYLES[finding.status]}]{finding.status}[/]", *map(escape, words))
    output.print(table, soft_wrap=False)
    if not report.advice:
        return
    output.print()
    table = _table("pool", "setting", "is", "should be", "why")
    for name, given in report.advice.items():
        sizes = (f"{report.pools[name].max_size}\n{report.pools[name].min_size}", f"{given.max_size}\n{given.min_size}")
        table.add_row(name, "POOL_MAX_SIZE\nPOOL_MIN_SIZE", *sizes, given.why)
    output.print(table, soft_wrap=False)


def _table(*columns: str) -> Table:
    """Make a table whose names and numbers stay whole: only what is prose is wrapped."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in {"status", "check", "database", "pool", "setting"})
    return table
