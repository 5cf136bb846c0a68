"""PostgreSQL without any noun.

- `statements`    the files under `sql/`, called by the parameter names of their headers
- `connections`   how a connection is opened, its budgets, and how a lost one is noticed
- `pools`         one pool for each database, one connection for each request
- `unit_of_work`  BEGIN, COMMIT with its tag checked, ROLLBACK; retries; a lost COMMIT
- `deadlines`     the deadline of the request
- `errors`        one class or code for each condition that a caller tells apart
- `keyset`        positions in lists
- `searching`     searches by words: their queries, and the time that one may take
- `metrics`       counters and histograms
- `failpoints`    places in which a test kills the process
"""
