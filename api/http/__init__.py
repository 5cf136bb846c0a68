"""Parts that all routes share.

- `dependencies`        a connection, the repositories on it, the services of the process
- `authentication`      API keys: the caller of a request
- `idempotency`         the Idempotency-Key header, stored and replayed answers
- `forwarded`           the address of a client behind trusted proxies
- `rate_limits`         limits by address and minute
- `answers`             representations with headers, refusals as problems, 404 for rows that a caller may not see
- `codes`               the codes of all errors, with cause and effect
- `problems`            errors as RFC 9457 documents
- `exception_handlers`  exceptions to problems: faults of the database, refusals of the ledger
- `route_table`         the routes by method and form of path
- `middleware`          around each request: id, deadline, limits of its body, log line, metrics
- `exchange`            one request and its only answer, also at the deadline
- `json_bodies`         strict JSON
- `etags`               If-Match and If-None-Match
- `pages`               keyset pages, cursors, Link
- `following`           the entries of an account as they come: waits, and streams of events
- `event_streams`       server-sent events, with a bound for slow clients
- `searches`            searches by words, few at a time
- `types`               the types of bodies, parameters and representations
- `invisible`           characters that show nothing
- `media_types`         the choice of a representation by `Accept`
- `static_files`        files for browsers, under a strict policy
"""
