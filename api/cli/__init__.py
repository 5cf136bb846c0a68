"""The command line.

- `commands`     `folio serve`, `migrate`, `audit`
- `keys`         `folio operator`, `folio key`
- `doctor`       `folio doctor`
- `imports`      `folio import`
- `import_file`  the CSV file that it reads
- `ephemeral`    `folio serve --ephemeral`
- `running`      a command's access to the databases
- `server`       uvicorn: its workers, its signals
- `worker`       the application of a worker
- `protocol`     one connection, within limits of time, size and number
- `connections`  all connections of a process: their number, and a check of each per interval
- `transports`   what a client has yet to read, and answers without chunks for HTTP/1.0
- `refusals`     the answer to a request that a connection refuses
- `terminal`     messages, errors, results, progress bars
"""
