"""Findings: judge the values that were read of a database; each has a status, the expected value and a remedy."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from repositories.doctor.capacity import Demand
from repositories.postgres.connections import REQUEST_BUDGETS
from repositories.postgres.poolers import Pooler
from repositories.schema.migrations import History
from repositories.schema.pair import Pair
from repositories.schema.privileges import Privilege
from repositories.schema.roles import APPLICATION, scripts
from repositories.server import Clock, ConnectionCounts, Privileges, State

OLDEST_MAJOR = 15
"""The oldest major version that the tests run on."""
TRANSACTION_TIMEOUT_MAJOR = 17
"""The first major version that has transaction_timeout."""
SKEW_WARNING_SECONDS = 1.0
"""Difference between two clocks: more than NTP leaves."""
SKEW_FAILURE_SECONDS = 5.0
"""Difference between two clocks: enough to misread the order of log lines and entries."""


class Status(StrEnum):
    """Result of a check; `unknown` if the check could not run."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"

    def unless(self, *, good: bool) -> "Status":
        """Return ok if `good`, else this status."""
        return Status.OK if good else self


@dataclass(frozen=True)
class Finding:
    """Result of one check on one database, or on none: the value found, the value expected, and the remedy."""

    check: str
    database: str | None
    status: Status
    value: str
    expected: str
    remedy: str

    @property
    def todo(self) -> str | None:
        """The remedy; None if the status is ok."""
        return None if self.status is Status.OK else self.remedy


def judge_state(database: str, state: State) -> list[Finding]:
    """Judge the version, whether the server takes writes, and whether commits survive a crash."""
    major = state.version_number // 10000
    version = Status.FAILED if major < OLDEST_MAJOR else Status.WARNING.unless(good=major >= TRANSACTION_TIMEOUT_MAJOR)
    writes = "a standby" if state.standby else "read-only sessions" if state.read_only else "accepted"
    return [
        Finding(
            *("version", database, version, state.version, f"{OLDEST_MAJOR} or newer; 18 is recommended"),
            f"Upgrade: only {TRANSACTION_TIMEOUT_MAJOR} and newer have transaction_timeout, which ends the transactions"
            " of lost processes.",
        ),
        Finding(
            *("writes", database, Status.FAILED.unless(good=writes == "accepted"), writes, "accepted"),
            "Name the primary in the URL, or set default_transaction_read_only to off for this role and database.",
        ),
        Finding(
            *("fsync", database, Status.FAILED.unless(good=state.fsync == "on"), state.fsync, "on"),
            "Set it to on: a power cut loses commits that were answered, and can destroy the whole cluster.",
        ),
        Finding(
            *("full_page_writes", database, Status.FAILED.unless(good=state.full_page_writes == "on")),
            *(state.full_page_writes, "on"),
            "Set it to on: without it, a page that a crash left half written cannot be repaired.",
        ),
        Finding(
            *("synchronous_commit", database, Status.FAILED.unless(good=state.synchronous_commit != "off")),
            *(state.synchronous_commit, "on, or any value but off"),
            "Set it to on, also for this role and database: a crash can lose the last commits that were answered.",
        ),
        # A warning: no answered commit is lost without checksums, but damage by a disk is found late.
        Finding(
            *("data_checksums", database, Status.WARNING.unless(good=state.data_checksums == "on")),
            *(state.data_checksums, "on"),
            "Stop the server and run `pg_checksums --enable`: without checksums, pages that a disk damaged are served.",
        ),
        Finding(
            *("encoding", database, Status.FAILED.unless(good=state.encoding == "UTF8"), state.encoding, "UTF8"),
            "Create the database with ENCODING 'UTF8' and restore a dump into it: others refuse or damage text.",
        ),
        _judge_collation(database, state),
    ]


def _judge_collation(database: str, state: State) -> Finding:
    """Judge whether the library of the locale still sorts as when the text indexes were built."""
    good = state.indexed_collation == state.present_collation
    changed = f"{state.locale}, version {state.indexed_collation}; now {state.present_collation}"
    return Finding(
        *("collation", database, Status.FAILED.unless(good=good), state.locale if good else changed),
        "the version of its indexes",
        "Run REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION: unique indexes may admit duplicates.",
    )


def judge_privileges(database: str, privileges: Privileges) -> Finding:
    """Judge the login that serves."""
    rights = [name for name, has in (("a superuser", privileges.superuser), ("an owner", privileges.owner)) if has]
    return Finding(
        *("role", database, Status.WARNING.unless(good=not rights)),
        f"{privileges.login}: {' and '.join(rights) or 'neither superuser nor owner'}",
        "neither superuser nor owner",
        f"Run roles.sql as sql/README.md says, and serve as a login in {APPLICATION}.",
    )


def judge_missing_privileges(database: str, missing: Sequence[Privilege]) -> Finding:
    """Judge the privileges that roles.sql grants and the login that serves lacks."""
    listed = ", ".join(str(privilege) for privilege in missing)
    return Finding(
        *("privileges", database, Status.FAILED.unless(good=not missing)),
        f"lacks {listed}" if missing else "complete",
        "those of roles.sql",
        f"Run {' and '.join(f'sql/{script}' for script in scripts(database))} after `folio migrate`.",
    )


def judge_pooler(database: str, pooler: Pooler) -> Finding:
    """Judge the pooler before the server."""
    return Finding(
        *("pooler", database, Status.FAILED.unless(good=pooler is not Pooler.TRANSACTION), pooler.value),
        "none, or session mode",
        "Set pool_mode = session, or name the server in the URL: Folio needs sessions of its own.",
    )


def judge_budgets(database: str, lost: Sequence[str]) -> Finding:
    """Judge whether the budgets of a session are in force."""
    return Finding(
        *("budgets", database, Status.FAILED.unless(good=not lost), ", ".join(lost) or "in force"),
        ", ".join(f"{name} {value}" for name, value in REQUEST_BUDGETS.items()),
        "Find out what changes the settings between Folio and the server; set them for the login, too (ALTER ROLE).",
    )


def judge_clock(database: str, clock: Clock) -> Finding:
    """Judge the part of the difference that is certain; time zones do not matter."""
    skew = max(0.0, abs(clock.ahead) - clock.uncertainty)
    warning = Status.WARNING.unless(good=skew <= SKEW_WARNING_SECONDS)
    return Finding(
        *("clock", database, Status.FAILED if skew > SKEW_FAILURE_SECONDS else warning),
        f"{abs(clock.ahead):.3f} s {'ahead' if clock.ahead >= 0 else 'behind'} (± {clock.uncertainty:.3f} s)",
        f"within {SKEW_WARNING_SECONDS:g} s of this machine's",
        "Synchronize both clocks (NTP): log lines, leases and entries carry times that disagree.",
    )


def judge_migrations(database: str, history: History, *, by_serve: bool) -> Finding:
    """Judge pending migrations and those of a newer release; `by_serve` is True if `folio serve` applies them."""
    pending = history.pending
    if history.warning and not pending:
        remedy = "None is needed during an upgrade or after a rollback; otherwise run the newer release."
        return Finding("migrations", database, Status.WARNING, history.warning, "none pending, none newer", remedy)
    status = Status.WARNING if by_serve else Status.FAILED
    remedy = "`folio serve` applies them at start, `folio migrate` now." if by_serve else "Run `folio migrate`."
    return Finding(
        *("migrations", database, status.unless(good=not pending)),
        f"{len(pending)} pending, from {pending[0].name} on" if pending else "none pending",
        *("none pending", remedy),
    )


def judge_pair(pair: Pair) -> Finding:
    """Judge whether one database refers to ids that the other would give again."""
    value = "; ".join(map(str, pair.lost)) or "complete"
    return Finding(
        *("ids", None, Status.FAILED.unless(good=not pair.lost)),
        value if pair.comparable else "not compared: each node gives ids from a range of its own",
        "ids of one database, known to the other's sequences",
        "Restore both databases to one time, or keep these ids from being given again, as docs/backup.md says: "
        + " ".join(lost.repair for lost in pair.lost),
    )


def judge_connections(database: str, demand: Demand, counts: ConnectionCounts, remedy: str) -> Finding:
    """Judge whether the server allows the connections of all workers, together with those that others have now."""
    warning = Status.WARNING.unless(good=demand.total + counts.others <= demand.allowed)
    return Finding(
        *("connections", database, Status.FAILED if demand.total > demand.allowed else warning),
        f"at most {demand.total} ({demand}); open now: {counts.folio} of Folio, {counts.others} of others;"
        f" {demand.hanging} more while a synchronous standby hangs",
        f"at most {demand.allowed}, including those of others (max_connections {demand.limits.max_connections},"
        f" {demand.limits.reserved_connections} reserved)",
        remedy,
    )
