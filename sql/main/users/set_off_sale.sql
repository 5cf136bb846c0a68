-- Record that the catalog has archived all products of these users.
--
-- $1 ids  bigint[]  users.id
--
-- Returns  none
-- Index    users_pkey
-- Locks    users RowExclusiveLock
UPDATE /* main/users/set_off_sale */ users
SET off_sale = TRUE
WHERE id = ANY($1::bigint[]);
