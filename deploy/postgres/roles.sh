#!/bin/sh
# Create both databases, their roles and the two logins; the image of PostgreSQL runs it when the volume is new.
#
# Running it again is safe, and sets the passwords:
#   docker compose exec postgres sh /docker-entrypoint-initdb.d/roles.sh
set -eu
sql=${FOLIO_SQL:-/folio/sql}

admin() {
    psql -X -q -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" "$@"
}

for database in main catalog; do
    admin -d postgres -v name="folio_$database" <<'SQL'
SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING ''UTF8''', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SQL
    admin -1 -d "folio_$database" -f "$sql/both/roles.sql" -f "$sql/$database/roles.sql"
    # As the owner of a database, folio_owner grants privileges on new tables itself: folio migrate --grant.
    admin -d postgres -c "ALTER DATABASE folio_$database OWNER TO folio_owner"
done

admin -d postgres -v migrator="$MIGRATOR_PASSWORD" -v service="$SERVICE_PASSWORD" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN IN ROLE %I', login, role)
FROM (VALUES ('folio_migrator', 'folio_owner'), ('folio_service', 'folio_app')) AS logins (login, role)
WHERE to_regrole(login) IS NULL \gexec
ALTER ROLE folio_migrator PASSWORD :'migrator';
ALTER ROLE folio_migrator SET role TO folio_owner; -- so that folio_owner owns the new tables
ALTER ROLE folio_service PASSWORD :'service';
-- Each session of Folio sets its budgets itself; those of the login hold for every other session of it.
ALTER ROLE folio_service SET statement_timeout = '5s';
ALTER ROLE folio_service SET lock_timeout = '2s';
ALTER ROLE folio_service SET idle_in_transaction_session_timeout = '10s';
SQL
