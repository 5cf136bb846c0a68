"""PostgreSQL: this room knows no noun of Folio.

- `statements`    the files under `sql/`, called by the parameter names of their headers
- `connections`   opening a connection, the budgets of its session, noticing that it was lost
- `poolers`       poolers such as PgBouncer, and the budgets of a session behind one
- `pools`         one pool for each database, one connection for each request
- `shares`        the connections of a pool that one caller has at once, and a queue for each caller beyond them
- `checkouts`     the checked-out connections of a pool, and those that are checked out for too long
- `pool_stats`    the statistics of a pool, each number kept once, and its metrics
- `unit_of_work`  BEGIN, COMMIT with its tag checked, ROLLBACK; retries; a lost COMMIT
- `commits`       commits that hang, and the limit of their backends
- `gathering`     requests that would have to wait for a connection, as one unit of work on the next one
- `operation`     a request, a round of a job or a command: its deadline, the state of its COMMIT, its counts
- `errors`        one class or code for each condition that callers tell apart
- `keyset`        positions in lists
- `slices`        long computations in slices
- `searching`     searches by words: their queries, and the time that one may take
- `metrics`       counters, gauges and histograms
- `failpoints`    points at which a test kills the process
"""
