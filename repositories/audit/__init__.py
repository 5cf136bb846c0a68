"""The audit.

- `run`             runs every check, stores the result and returns it: the entry
- `invariants`      checks the invariants of `sql/<database>/invariants`, each in a snapshot of its own
- `reconciliation`  compares purchases with reservations, page by page
- `sellers`         compares products with their sellers, payee accounts and keys, page by page
"""
