"""Operators' routes.

- `pools`    `/ops/pools`: connections, the requests that have them checked out, the backends that block them
- `audits`   `/ops/audit`: run an audit, read the last one
- `changes`  `/ops/changes`: the record of changes
- `status`   `/ops/status`: releases, migrations, slow routes, unfinished purchases
- `metrics`  `/metrics`, for Prometheus
- `health`   `/livez` and `/readyz`
- `page`     `/ops`, the page in `static/`
"""
