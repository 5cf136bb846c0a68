-- Keys of imported transfers: `folio import` makes each line of a file once, under a key of its own.

COMMENT ON COLUMN idempotency_keys.kind IS
'transfer, account, post, hold, purchase: the resource that the request made or changed; batch: results of a batch of transfers; product: the key is claimed for a product of the catalog; refusal: the request was refused; import: the transfer that a line of an imported file made.';
