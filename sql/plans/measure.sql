-- Measure one statement file on a filled database, with each of its cases, and roll back. In the folder sql:
--
--     psql -d folio -v file=main/posts/list -f plans/measure.sql
--
-- The statement is prepared, as the service prepares it. The first five runs are planned for their parameters; the
-- sixth has the plan that the server settles on.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET TimeZone = 'GMT';
\ir parameters.sql
\set statement `cat :file.sql`
\pset footer off
\o /dev/null
PREPARE measured AS :statement
\o
SELECT
    format('SELECT %L AS measured', file || ' ' || situation),
    'BEGIN',
    'EXPLAIN (ANALYZE, BUFFERS) EXECUTE measured' || arguments,
    'ROLLBACK'
FROM parameters
CROSS JOIN generate_series(1, 6) AS run (number)
WHERE file = :'file'
    AND arguments IS NOT NULL
ORDER BY situation, number
\gexec
