-- Tell which server this is and how many connections it allows.
--
-- $ none
--
-- Returns  address text, max_connections bigint, reserved_connections bigint;
--          one row; reserved are those for superusers and, from PostgreSQL 16 on, for whom it names
-- Index    none
-- Locks    none
SELECT /* both/server/limits */
    -- Where sockets are is for privileged roles to know; which cluster this is, for all.
    coalesce(host(inet_server_addr()), 'cluster ' || (SELECT system_identifier FROM pg_control_system()))
    || ':' || current_setting('port') AS address,
    current_setting('max_connections')::bigint AS max_connections,
    current_setting('superuser_reserved_connections')::bigint
    + coalesce(current_setting('reserved_connections', TRUE)::bigint, 0) AS reserved_connections;
