"""The schema of both databases.

- `databases`   the names of the databases, and their creation on the embedded server
- `migrations`  plain SQL files, forward only, each once
- `roles`       roles, from `sql/both/roles.sql` and `sql/<database>/roles.sql`
- `privileges`  the privileges that a login lacks of those that roles.sql grants
- `pair`        ids to which one database refers and that the other would give again
"""
