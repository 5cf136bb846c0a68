"""The audit.

- `run`             runs every check, stores the result and returns it: the entry
- `invariants`      checks the invariants of `sql/main/invariants` in one snapshot
- `reconciliation`  compares purchases with reservations, page by page
"""
