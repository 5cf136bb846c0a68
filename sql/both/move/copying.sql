-- Read which tables are not copied yet. Run on the target.
--
-- $ none
--
-- Returns  name text, bytes bigint;
--          one row for each table that does not follow the source yet, with its size here, by name; none if all do
-- Index    none
-- Locks    pg_class, pg_subscription_rel AccessShareLock
SELECT /* both/move/copying */
    relation.relname::text AS name,
    pg_total_relation_size(relation.oid) AS bytes
FROM pg_subscription_rel AS copy
JOIN pg_class AS relation ON relation.oid = copy.srrelid
WHERE copy.srsubstate <> 'r'
ORDER BY relation.relname
LIMIT 1000;
