"""The hosts that a URL names: which of them is the primary, and how far the standbys are behind."""

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from repositories import server
from repositories.doctor.findings import Finding, Status
from repositories.postgres import connections
from repositories.postgres.errors import Defect, Fault, described

MAX_SECONDS_BEHIND = 60.0
"""A standby that is further behind replays for a while before it can take over."""


def split(conninfo: str) -> list[str]:
    """Return a conninfo for each host that a conninfo names."""
    parameters = conninfo_to_dict(conninfo)
    lists = {name: str(parameters[name]).split(",") for name in ("host", "hostaddr", "port") if name in parameters}
    count = max(len(lists.get("host", [])), len(lists.get("hostaddr", [])), 1)
    # libpq: one port for all hosts, or one for each.
    return [
        make_conninfo(conninfo, **{name: values[place % len(values)] for name, values in lists.items()})
        for place in range(count)
    ]


def name(conninfo: str) -> str:
    """Return the name of a host, with its port."""
    parameters = conninfo_to_dict(conninfo)
    host = parameters.get("host") or parameters.get("hostaddr") or "local socket"
    return f"{host}:{parameters.get('port') or 5432}"


async def examine(database: str, conninfo: str, *, patience: float) -> list[Finding]:
    """Return a finding for each host of a URL that names several; none if it names one."""
    each = split(conninfo)
    return [await _examine(database, host, patience) for host in each] if len(each) > 1 else []


async def _examine(database: str, conninfo: str, patience: float) -> Finding:
    try:
        async with connections.connect(conninfo, purpose="doctor", patience=patience, role="any") as connection:
            replication = await server.read_replication(connection)
    except (Fault, Defect) as error:
        value, status = described(error), Status.WARNING
    else:
        behind = replication.seconds_behind
        value, status = str(replication), Status.WARNING.unless(good=(behind or 0) <= MAX_SECONDS_BEHIND)
    return Finding(
        *("host", database, status, f"{name(conninfo)}: {' '.join(value.split())}"),
        f"the primary, or a standby at most {MAX_SECONDS_BEHIND:g} s behind",
        "Start this server, or let it follow the primary: until then a failover cannot use it.",
    )
