"""The audit.

- `invariants`      runs the queries of `sql/main/invariants` in one snapshot
- `reconciliation`  compares purchases with reservations, page by page
"""
