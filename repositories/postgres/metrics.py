"""What is counted and timed, for Prometheus: each metric once, for whoever meets its event. `api/metrics.py` shows it.

A process has its own; with several workers prometheus-client keeps them in files, where each worker reads all.
Times are in seconds.
"""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# A series more for each counter and bucket, which says when this process met it first.
disable_created_metrics()

FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Bounds of what takes between half a millisecond and a request's deadline."""

REQUESTS = Counter("folio_requests", "Requests, by the status of their answer", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "folio_request_seconds", "From the request's headers to the end of its answer", ["method", "route"], buckets=FAST
)
TRANSFERS = Counter("folio_transfers", "Transfers made, and refused by code, once that was committed", ["outcome"])
UNITS = Counter(
    "folio_units_of_work",
    "Units of work: committed, rolled_back, retried (run again), unknown (COMMIT not confirmed)",
    ["outcome"],
)
for _outcome in ("committed", "rolled_back", "retried", "unknown"):
    UNITS.labels(_outcome)  # at 0 from the start: an alert sees the first one

POOL_WAIT_SECONDS = Histogram(
    "folio_pool_wait_seconds", "Wait for a connection, had or not", ["database"], buckets=FAST
)
POOL_HOLD_SECONDS = Histogram("folio_pool_hold_seconds", "Time that a connection was held", ["database"], buckets=FAST)
POOL_TIMEOUTS = Counter("folio_pool_timeouts", "Waits for a connection that took too long", ["database"])
POOL_REFUSALS = Counter("folio_pool_refusals", "Requests refused since the queue was full", ["database"])
POOL_CONNECTS = Counter("folio_pool_connects", "Attempts to connect", ["database"])
POOL_CONNECT_ERRORS = Counter("folio_pool_connect_errors", "Attempts to connect that failed", ["database"])
POOL_RECONNECTS = Counter("folio_pool_reconnects", "Connections opened in place of others that went", ["database"])
POOL_BAD_CONNECTIONS = Counter("folio_pool_bad_connections", "Connections found broken", ["database"])
POOL_OVERDUE = Counter("folio_pool_overdue", "Connections held past the soft limit", ["database"])
POOL_SIZE = Gauge("folio_pool_size", "Connections open", ["database"], multiprocess_mode="livesum")
POOL_MAX_SIZE = Gauge("folio_pool_max_size", "Connections at the most", ["database"], multiprocess_mode="livesum")
POOL_IN_USE = Gauge("folio_pool_in_use", "Connections held", ["database"], multiprocess_mode="livesum")
POOL_WAITING = Gauge(
    "folio_pool_waiting", "Requests waiting for a connection", ["database"], multiprocess_mode="livesum"
)
