"""Everything that talks to PostgreSQL. It knows nothing of HTTP.

Each folder of `sql/<database>/` has a module with its rows and statements under the same name, such as `accounts` or
`idempotency_keys`. Everything else is a room:

- `sagas`     several commits over both databases, finished by any process: purchases, leaving
- `audit`     the invariants, and the two databases compared
- `doctor`    the checks behind `folio doctor`, and the advice on pool sizes
- `ledger`    the rules of money inside one transaction: accounts, transfers, holds, purchases
- `schema`    databases, migrations, roles
- `server`    the state of a server as it reports it: version, settings, limits, activity
- `postgres`  knows no noun: statements, connections, pools, unit of work, deadlines, errors, keyset pages, metrics
- `embedded`  the PostgreSQL that Folio brings along; stands apart

A module imports from its own room or from rooms below it in this list; the modules of the nouns stand above `postgres`.
"""
