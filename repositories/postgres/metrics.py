"""Metrics for Prometheus: each is defined here once, and moved by the module in which its event happens.

`api/ops/metrics.py` serves them. With several workers prometheus-client keeps the metrics of each in files, so that
every worker can serve the metrics of all. Times are in seconds.
"""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# Otherwise each counter and histogram has a further series: the time at which this process created it.
disable_created_metrics()

BUCKET_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of the buckets, from half a millisecond to the deadline of a request."""

REQUESTS = Counter("folio_requests", "Requests, by the status of their answer", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "folio_request_seconds",
    "From the request's headers to the end of its answer",
    ["method", "route"],
    buckets=BUCKET_SECONDS,
)
UNITS = Counter(
    "folio_units_of_work",
    "Units of work: committed, rolled_back, retried (run again), unknown (COMMIT not confirmed)",
    ["outcome"],
)
for _outcome in ("committed", "rolled_back", "retried", "unknown"):
    UNITS.labels(_outcome)  # at 0 from the start: an alert sees the first one

GATHERED = Histogram(
    "folio_gathered_requests",
    "Requests that one connection carried in one unit of work, if there were several",
    buckets=(2, 4, 8, 16, 32, 64, 128, 256, 512, 1000),
)

POOL_WAIT_SECONDS = Histogram(
    "folio_pool_wait_seconds", "Wait for a connection, successful or not", ["database"], buckets=BUCKET_SECONDS
)
POOL_HOLD_SECONDS = Histogram(
    "folio_pool_hold_seconds", "Time that a connection was checked out", ["database"], buckets=BUCKET_SECONDS
)
POOL_TIMEOUTS = Counter("folio_pool_timeouts", "Waits for a connection that took too long", ["database"])
POOL_REFUSALS = Counter("folio_pool_refusals", "Requests refused because the queue was full", ["database"])
POOL_CONNECTS = Counter("folio_pool_connects", "Attempts to connect", ["database"])
POOL_CONNECT_ERRORS = Counter("folio_pool_connect_errors", "Attempts to connect that failed", ["database"])
POOL_RECONNECTS = Counter("folio_pool_reconnects", "Connections opened in place of lost or expired ones", ["database"])
POOL_BAD_CONNECTIONS = Counter("folio_pool_bad_connections", "Connections found broken", ["database"])
POOL_OVERDUE = Counter("folio_pool_overdue", "Connections checked out for longer than the soft limit", ["database"])
POOL_ABANDONED = Gauge(
    "folio_pool_abandoned_commits",
    "Backends that still wait in a COMMIT that Folio gave up",
    ["database"],
    multiprocess_mode="livesum",
)
POOL_SIZE = Gauge("folio_pool_size", "Connections open", ["database"], multiprocess_mode="livesum")
POOL_MAX_SIZE = Gauge("folio_pool_max_size", "Maximum number of connections", ["database"], multiprocess_mode="livesum")
POOL_IN_USE = Gauge("folio_pool_in_use", "Connections checked out", ["database"], multiprocess_mode="livesum")
POOL_WAITING = Gauge(
    "folio_pool_waiting", "Requests waiting for a connection", ["database"], multiprocess_mode="livesum"
)

FOLLOWERS = Gauge("folio_followers", "Requests that follow an account", multiprocess_mode="livesum")
FOLLOWERS_DROPPED = Counter("folio_followers_dropped", "Streams ended because their client read too slowly")
