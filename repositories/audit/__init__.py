"""The audit.

- `run`             runs an audit, stores its progress and its result, and goes on with unfinished ones: the entry
- `stages`          the parts of an audit, of everything and of what is new
- `steps`           what is read at a time, from which connections, and the findings
- `invariants`      checks the invariants of `sql/<database>/invariants`, slice by slice
- `reconciliation`  compares purchases with reservations, page by page
- `sellers`         compares products with their sellers, payee accounts and keys, page by page
"""
