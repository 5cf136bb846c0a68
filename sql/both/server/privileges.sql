-- Check if this session's login has more privileges than serving needs: superuser, or owner of the database or a table.
--
-- $ none
--
-- Returns  login text, superuser boolean, owner boolean;
--          one row
-- Index    pg_authid_rolname_index, pg_database_datname_index, pg_class_relname_nsp_index
-- Locks    pg_authid, pg_class, pg_database, pg_db_role_setting AccessShareLock
SELECT /* both/server/privileges */
    login.rolname::text AS login,
    login.rolsuper AS superuser,
    pg_has_role(login.rolname, database.datdba, 'MEMBER')
    OR EXISTS (
        SELECT 1
        FROM pg_class
        WHERE pg_class.relnamespace = current_schema()::regnamespace
            AND pg_class.relkind IN ('r', 'p')
            AND pg_has_role(login.rolname, pg_class.relowner, 'MEMBER')
    ) AS owner
FROM pg_roles AS login
JOIN pg_database AS database ON database.datname = current_database()
WHERE login.rolname = session_user;
