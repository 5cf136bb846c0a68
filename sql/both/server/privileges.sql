-- Tell whether this session's login could do more than serve: as a superuser, or as an owner of the database or a table.
--
-- $ none
--
-- Returns  login text, superuser boolean, owner boolean;
--          one row
-- Index    pg_authid_rolname_index, pg_database_datname_index, pg_class_relname_nsp_index
-- Locks    pg_authid, pg_database, pg_class AccessShareLock
SELECT /* both/server/privileges */
    login.rolname::text AS login,
    login.rolsuper AS superuser,
    pg_has_role(login.rolname, database.datdba, 'MEMBER')
    OR EXISTS(
        SELECT 1
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p')
            AND pg_has_role(login.rolname, relowner, 'MEMBER')
    ) AS owner
FROM pg_roles AS login
JOIN pg_database AS database ON database.datname = current_database()
WHERE login.rolname = session_user;
