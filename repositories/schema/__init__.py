"""The schema of both databases.

- `migrations`  plain SQL files, forward only, each once
- `roles`       the roles and privileges of `sql/<database>/roles.sql`
"""
