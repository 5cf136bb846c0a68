"""One process of the service.

- `service`      the settings, pools and jobs of this process, as one typed object
- `settings`     environment variables, their bounds and defaults
- `startup`      from settings to two migrated databases with enough connections
- `readiness`    the state of both databases, as `/readyz` reports it
- `operators`    the operators whose key was found good lately, for the time while the main database is away
- `callers`      the owners of keys, addresses over a limit, requests in flight
- `key_look_ups` look-ups of keys, gathered if there are many at once
- `turns`        turns at expensive work, one at a time for each caller
- `followers`    requests that wait for new entries of an account: their limits, and one query for all of them
- `logs`         log lines, as JSON or for a terminal
- `drain`        the time between SIGTERM and the end of the process
- `jobs`         periodic coroutines: sweeps, unfinished purchases, scheduled audits
- `background`   work that continues after its request was answered
"""
