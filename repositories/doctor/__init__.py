"""The checks behind `folio doctor`.

- `examination`  runs the checks of one database
- `hosts`        the part that each host of a URL has in replication
- `findings`     judges the values that were read: status, expected value, remedy
- `capacity`     adds up the connections that all workers may need, and that a server allows
- `advice`       sizes for each pool, with the reason
"""
