-- Tell who this session is, and whether that is more than serving needs: a superuser, or an owner of tables here.
--
-- $ none
--
-- Returns  name text, superuser boolean, owner boolean;
--          one row; owner is also who inherits from one
-- Index    pg_class_relname_nsp_index
-- Locks    pg_class AccessShareLock
SELECT /* both/server/role */
    current_user::text AS name,
    current_setting('is_superuser')::boolean AS superuser,
    coalesce(bool_or(pg_has_role(relowner, 'USAGE')), FALSE) AS owner
FROM pg_class
WHERE relnamespace = quote_ident(current_schema())::regnamespace
    AND relkind IN ('r', 'p');
