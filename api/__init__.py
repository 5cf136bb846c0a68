"""Folio over HTTP and on the command line. It depends on `repositories` and sends no SQL of its own.

Each noun is a module: `users`, `api_keys`, `posts`, `accounts`, `entries`, `transfers`, `holds`, `products`,
`purchases` have its routes, bodies and representations. Everything else is a room:

- `cli`      the command line, and uvicorn as `folio serve` runs it
- `app`      the application and its lifespan
- `ops`      operators' routes: pools, audits, status, metrics, health, and the page
- `docs`     the service's documentation: the home page, the OpenAPI document, /docs, /problems
- `http`     shared by every route: authentication, idempotency, problems, middleware, pages, types
- `process`  settings, start-up, logs, drain, background jobs

A module imports from its own room or from rooms below it in this list; nouns stand level with `ops` and `docs`.
"""
