"""Findings: what was read of a database, what it should be, and what to do where it is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from repositories.doctor.capacity import Demand
from repositories.schema.migrations import Migration
from repositories.schema.roles import APPLICATION, Privileges
from repositories.server import Clock, State, Use

OLDEST = 15
"""The oldest major version that the tests run on."""
BOUNDED = 17
"""The first that knows transaction_timeout."""
SKEWED, WRONG = 1.0, 5.0
"""Seconds between two clocks: more than NTP leaves; and enough to misread the order of log lines and entries."""


class Status(StrEnum):
    """How a check ended; `unknown` where something else stood in the way of looking."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"

    def unless(self, *, good: bool) -> "Status":
        """Return this status, or ok."""
        return Status.OK if good else self


@dataclass(frozen=True)
class Finding:
    """What one check found, of one database or of none, and the remedy for where it is not as it should be."""

    check: str
    database: str | None
    status: Status
    found: str
    expected: str
    remedy: str

    @property
    def todo(self) -> str | None:
        """What to do; None where all is well."""
        return None if self.status is Status.OK else self.remedy


def of_state(database: str, state: State) -> list[Finding]:
    """Judge the version, whether writes are taken, and whether what was committed outlasts a crash."""
    major = state.version_number // 10000
    version = Status.FAILED if major < OLDEST else Status.WARNING.unless(good=major >= BOUNDED)
    writes = "a standby" if state.standby else "read-only sessions" if state.read_only else "taken"
    return [
        Finding(
            *("version", database, version, state.version, f"{OLDEST} or newer; 18 is recommended"),
            f"Upgrade: before {BOUNDED} no transaction_timeout ends what a lost process left behind.",
        ),
        Finding(
            *("writes", database, Status.FAILED.unless(good=writes == "taken"), writes, "taken"),
            "Name the primary in the URL, or set default_transaction_read_only to off for this role and database.",
        ),
        Finding(
            *("fsync", database, Status.FAILED.unless(good=state.fsync == "on"), state.fsync, "on"),
            "Set it to on: a power cut takes commits that were answered, and can take the whole cluster.",
        ),
        Finding(
            *("full_page_writes", database, Status.FAILED.unless(good=state.full_page_writes == "on")),
            *(state.full_page_writes, "on"),
            "Set it to on: a page that was half written in a crash cannot be mended without it.",
        ),
        Finding(
            *("synchronous_commit", database, Status.FAILED.unless(good=state.synchronous_commit != "off")),
            *(state.synchronous_commit, "on, or any but off"),
            "Set it to on, for this role and database too: the last commits that were answered may be lost in a crash.",
        ),
        # A warning: what was answered is kept without them, but damage by a disk is found late.
        Finding(
            *("data_checksums", database, Status.WARNING.unless(good=state.data_checksums == "on")),
            *(state.data_checksums, "on"),
            "Stop the server and run `pg_checksums --enable`: else what a disk spoils is read as if it were true.",
        ),
    ]


def of_privileges(database: str, privileges: Privileges) -> Finding:
    """Judge who serves."""
    more = [word for word, has in (("a superuser", privileges.superuser), ("an owner", privileges.owner)) if has]
    return Finding(
        *("role", database, Status.WARNING.unless(good=not more)),
        f"{privileges.login}: {' and '.join(more) or 'neither superuser nor owner'}",
        "neither superuser nor owner",
        f"Run roles.sql of each database, and serve as a login in {APPLICATION}: see sql/README.md.",
    )


def of_clock(database: str, clock: Clock) -> Finding:
    """Judge the difference that is certain; time zones have no part in it."""
    least = max(0.0, abs(clock.ahead) - clock.uncertainty)
    return Finding(
        *("clock", database, Status.FAILED if least > WRONG else Status.WARNING.unless(good=least <= SKEWED)),
        f"the server's is {abs(clock.ahead):.3f} s {'ahead' if clock.ahead >= 0 else 'behind'}"
        f" (± {clock.uncertainty:.3f} s)",
        f"within {SKEWED:g} s of this machine's",
        "Synchronize both clocks (NTP): logs, leases of two databases and entries tell different times.",
    )


def of_migrations(database: str, todo: Sequence[Migration], *, by_serve: bool) -> Finding:
    """Judge what is pending; `by_serve` is whether `folio serve` applies it."""
    status = Status.WARNING if by_serve else Status.FAILED
    return Finding(
        *("migrations", database, status.unless(good=not todo)),
        f"{len(todo)} pending, from {todo[0].name} on" if todo else "none pending",
        "none pending",
        "`folio serve` applies them when it starts; `folio migrate` does now." if by_serve else "Run `folio migrate`.",
    )


def of_connections(database: str, demand: Demand, use: Use, remedy: str) -> Finding:
    """Judge whether all workers' connections fit, and beside those of others."""
    fits = demand.total + use.others <= demand.allowed
    return Finding(
        *(
            "connections",
            database,
            Status.FAILED if demand.total > demand.allowed else Status.WARNING.unless(good=fits),
        ),
        f"{demand.total} at the most ({demand}); now {use.folio} of Folio's, {use.others} of others",
        f"{demand.allowed} or fewer, those of others included ({demand.limits.max_connections} less "
        f"{demand.limits.reserved_connections} reserved)",
        remedy,
    )
