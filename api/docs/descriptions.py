"""Descriptions in the OpenAPI document: of the service, of tags, and of members by their name."""

DESCRIPTION = """\
Publish posts, sell products and move money between accounts.

- Amounts are integers in the currency's minor unit (ISO 4217): 1250 in EUR is 12.50 euros.
- Authenticate with an API key: `POST /users` returns one.
- A POST that moves money needs an `Idempotency-Key`. A retry with the same key gets the first answer again, with
  `Idempotency-Replayed: true`.
- Times are RFC 3339. A bound rounds up to the microsecond, and the time of a balance down. Leap seconds and more than
  nine digits after the point are refused.
- An `ETag` is strong and changes whenever the representation does. Use it exactly as it was sent: a weak one (`W/…`)
  matches no `If-Match`.
- Errors are `application/problem+json` (RFC 9457) with a `code`; [`/problems/{code}`](problems) says if a repeat helps.
- Lists are keyset pages, newest first.
"""

TAGS = {
    "API keys": "Keys of one's own, and keys that operators issue or revoke for others. A key is shown once.",
    "users": "Registration, public profiles, and a user's own profile.",
    "posts": "Posts of users: public to read, changed by their authors.",
    "accounts": "Accounts in one currency each, their statements and balances.",
    "transfers": "Payments between accounts: one, a batch, a reversal.",
    "holds": "Money held for a payee, who captures or releases it.",
    "products": "Products for sale: public to read, changed by their sellers.",
    "purchases": "Purchases of products, and their refunds.",
    "operations": "The state of the service, for operators and for programs that watch it.",
}
"""Each tag, in the order of the document."""

MEMBERS = {
    "account_id": "the account of this row",
    "api_key": "the secret, shown only here",
    "applied_at": "when the migration was applied",
    "at": "the instant",
    "author": "the user who wrote it",
    "backend_pid": "the process of the connection on the server",
    "balances": "of the caller's own accounts, after this transfer",
    "buyer_id": "the user who buys",
    "captured_amount": "in minor units of the currency; null unless captured",
    "checkouts": "connections checked out",
    "checks": "each invariant, by name",
    "content": "the text",
    "counterparty_account_id": "the other account of the transfer",
    "created_at": "when the row was made, by the database's clock",
    "currency": "ISO 4217",
    "database": "`main` or `catalog`",
    "databases": "state by database",
    "description": "free text, never changed once money has moved",
    "email": "shown to the user and to operators; null once the user has left",
    "expires_at": "from then on it is invalid; null: never",
    "finished_at": "when the audit ended",
    "from_account_id": "the payer's account",
    "hold_id": "the captured hold; null without one",
    "id": "the number of the row: unique within its kind, not dense",
    "in_use": "connections checked out now",
    "items": "in the order of the list",
    "max": "the longest",
    "max_size": "most connections",
    "max_waiting": "most requests that wait for a connection",
    "mean_ms": "mean, in milliseconds",
    "metadata": "null unless the caller wrote it, or is an operator",
    "method": "HTTP method",
    "min_size": "connections kept open",
    "minimum": "the balance below which no payment goes; null: unlimited",
    "name": "shown to people",
    "next_cursor": "`cursor` of the next page; null on the last",
    "ok": "true if no check has a row",
    "owner_id": "the user who owns the account",
    "p50": "median",
    "p95": "95th percentile",
    "pools": "one for each database",
    "problem": "the refusal",
    "product_id": "the product that is bought",
    "quantity": "units",
    "read_only": "true if the key opens no change",
    "reference": "null unless the caller wrote it, or is an operator",
    "request_id": "`X-Request-Id` of the request",
    "requests": "number of requests",
    "reverses_id": "the transfer that this one reverses; null if it reverses none",
    "role": "`member`, or `operator`, who may see everything",
    "rows": "the rows that break the invariant",
    "seller_id": "the user who sells",
    "size": "open connections",
    "soft_limit_ms": "a connection checked out for longer is logged",
    "status": "the state",
    "timeout_ms": "longest wait for a connection",
    "title": "one line",
    "to_account_id": "the payee's account",
    "transfer": "the transfer that was made",
    "transfer_id": "the transfer that moved the money; null if none has",
    "transfers": "in the order in which they are made",
    "updated_at": "when the row was changed last",
    "username": "unique without regard to case",
    "version": "counts changes; for an account, entries",
    "why": "the reason",
    "worker_pid": "the process that answers",
}
"""Descriptions by name of member, for members that have none of their own: a name means the same everywhere."""
