"""The schema of both databases.

- `databases`   the names of the databases, and their creation on the embedded server
- `migrations`  plain SQL files, forward only, each once
- `roles`       the roles and privileges of `sql/<database>/roles.sql`
"""
