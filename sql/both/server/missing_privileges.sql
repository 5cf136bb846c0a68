-- List the privileges of a list that the session's role lacks.
--
-- $1 objects     text[]  tables, views and sequences
-- $2 attributes  text[]  a column for each, or an empty string for the whole object
-- $3 privileges  text[]  a privilege for each, such as SELECT
--
-- Returns  object text, attribute text, privilege text;
--          one row for each privilege that is missing, in the order of the list; every privilege on a missing object is
-- Index    pg_class_oid_index, pg_attribute_relid_attnam_index
-- Locks    pg_attribute, pg_class AccessShareLock
SELECT /* both/server/missing_privileges */ needed.object, needed.attribute, needed.privilege
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS needed (object, attribute, privilege, position)
LEFT JOIN pg_class AS relation ON relation.oid = to_regclass(needed.object)
WHERE NOT coalesce(
        CASE
            WHEN relation.relkind = 'S' THEN has_sequence_privilege(relation.oid, needed.privilege)
            WHEN needed.attribute = '' THEN has_table_privilege(relation.oid, needed.privilege)
            ELSE has_column_privilege(
                    relation.oid,
                    (
                        SELECT attribute.attnum
                        FROM pg_attribute AS attribute
                        WHERE attribute.attrelid = relation.oid
                            AND attribute.attname = needed.attribute::name
                    ),
                    needed.privilege
                )
        END,
        FALSE
    )
ORDER BY needed.position
LIMIT 1000;
