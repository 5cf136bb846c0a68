"""The command line.

- `commands`  `folio serve`, `migrate`, `audit`, `operator`, `key`
- `doctor`    `folio doctor`
- `server`    uvicorn: its protocol with limits, its workers, its signals
- `terminal`  messages, errors, results, progress bars
"""
