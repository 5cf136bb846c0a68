"""The schema of both databases.

- `migrations`  plain SQL files, forward only, each once
- `roles`       roles and privileges, from `sql/both/roles.sql` and `sql/<database>/roles.sql`
"""
