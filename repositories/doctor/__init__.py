"""The checks behind `folio doctor`.

- `examination`  reads one database, check by check
- `findings`     judges what was read: status, expected value, remedy
- `capacity`     the connections that all workers need, and that a server allows
- `advice`       how large a pool should be, and why
"""
