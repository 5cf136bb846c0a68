"""The files of deploy/, compose.yaml and the Dockerfile, each run by its program or compared with the code.

- `test_compose`     the logins that PostgreSQL's container creates, and the services of compose.yaml on them
- `test_nginx`       two processes behind nginx and TLS
- `test_kubernetes`  probes, ports, settings and grace periods of the manifests
- `test_systemd`     the units, as systemd reads them
"""
