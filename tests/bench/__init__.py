"""`make bench`: Folio's speed, measured from outside and in turn with its peers. docs/performance.md has the results.

__main__     options, the run from start to report
scenarios    which contestants do which work, from how many clients
contestants  Folio, its peers (peers/) and pgbench, as programs under load
databases    the embedded PostgreSQL of a run, and its data (sql/)
rounds       the order of the measurements
requests     templates of requests with random parts
loads        the generators of load: wrk (wrk.lua), or one in Python
pgbench      the yardstick, with fixed and with present statements
growth       the bytes that a keyed transfer adds to each table and index (a program of its own)
followers    transfers with and without followers, and the delay of their events (a program of its own)
processes    CPU time and memory
results      measurements, medians, ratios and the JSON file
targets      the figures to reach
report       tables
audits       transfers to one hot account, alone and beside an audit (a program of its own)
neighbours   other callers while one member sends expensive requests; a program of its own
plots        throughput and p99 over the number of clients
"""
