"""One process of the service.

- `settings`  environment variables, their bounds and defaults
- `startup`   from settings to two migrated databases with enough connections
- `logs`      log lines, as JSON or for a terminal
- `drain`     the time between SIGTERM and the end
- `jobs`      periodic coroutines: sweeps, unfinished purchases, scheduled audits
"""
