-- Read which server this is and how many connections it allows.
--
-- $ none
--
-- Returns  address text, max_connections bigint, reserved_connections bigint;
--          one row; reserved_connections: for superusers and, from PostgreSQL 16 on, pg_use_reserved_connections
-- Index    none
-- Locks    none
SELECT /* both/server/limits */
    -- Only privileged roles may read the socket's path; every role may read the cluster's identifier.
    coalesce(
        CASE family(inet_server_addr()) WHEN 6 THEN '[' || host(inet_server_addr()) || ']' END,
        host(inet_server_addr()),
        'cluster ' || (SELECT system_identifier FROM pg_control_system())
    ) || ':' || current_setting('port') AS address,
    current_setting('max_connections')::bigint AS max_connections,
    current_setting('superuser_reserved_connections')::bigint
    + coalesce(current_setting('reserved_connections', TRUE)::bigint, 0) AS reserved_connections;
