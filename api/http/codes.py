"""The codes of all errors: what causes each, what was written, and whether to repeat the request.

`/problems/{code}`, docs/problems.md and the OpenAPI document are made from this table.
"""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Effect:
    """The effect of a refused request, and whether to repeat it."""

    written: str
    repeat: str


class Code(NamedTuple):
    """HTTP status, title, cause and effect of an error."""

    status: int
    title: str
    when: str
    effect: Effect


NOTHING = "Nothing."
CORRECT = Effect(NOTHING, "No: the same request fails again. Correct it; its Idempotency-Key is still unused.")
ABSENT = Effect(NOTHING, "Only if the resource may exist, and be visible to you, by then. The answer is not stored.")
DECIDED = Effect(
    "Nothing but this answer, under the Idempotency-Key if the request had one.",
    "Under the same Idempotency-Key a repeat gets this answer again. If the cause is gone, use a new key.",
)
STALE = Effect(NOTHING, "Read the resource, then repeat the change with its present ETag in `If-Match`.")
AGAIN = Effect(NOTHING, "Yes, after the seconds in `Retry-After`, under the same Idempotency-Key.")
LATER = Effect(NOTHING, "Yes, once the cause is gone.")
PURCHASE = Effect(
    "If a purchase was made, it is stored as rejected, and its money is free again. Otherwise nothing.",
    "Under the same Idempotency-Key a repeat gets this answer again. If the cause is gone, use a new key.",
)
DEFECT = Effect(
    NOTHING,
    "Not at once: only a change of Folio or of its databases helps. Under the same Idempotency-Key it is safe.",
)
UNKNOWN = Effect(
    "Everything or nothing: the connection was lost, or the time was up, while COMMIT was in flight.",
    "Yes, under the same Idempotency-Key: the repeat gets the true answer. Without a key, follow the detail.",
)

CODES: dict[str, Code] = {
    "bad_request": Code(
        400, "Bad request", "The request is not valid HTTP, repeats a header, or has a body it cannot have.", CORRECT
    ),
    "malformed_json": Code(400, "Malformed JSON", "The body is not strict JSON (RFC 8259) in UTF-8.", CORRECT),
    "idempotency_key_missing": Code(
        400, "Idempotency-Key required", "A request that moves or holds money has no Idempotency-Key.", CORRECT
    ),
    "unauthorized": Code(
        401, "A valid API key is required", "The API key is missing, malformed, unknown, revoked or expired.", CORRECT
    ),
    "read_only_key": Code(403, "The API key is read-only", "A read-only key was sent with a change.", CORRECT),
    "operator_required": Code(403, "Only an operator may do this", "The caller is not an operator.", CORRECT),
    "not_owner": Code(
        403,
        "Only the owner may do this",
        "The caller may see the resource, but only another user may do this.",
        CORRECT,
    ),
    "not_found": Code(404, "Not found", "No route has this path.", CORRECT),
    "user_not_found": Code(404, "User not found", "There is no user with this id.", ABSENT),
    "api_key_not_found": Code(404, "API key not found", "The caller has no key with this id.", ABSENT),
    "post_not_found": Code(404, "Post not found", "There is no post with this id, or it was deleted.", ABSENT),
    "account_not_found": Code(
        404, "Account not found", "There is no account with this id, or the caller may not see or use it.", ABSENT
    ),
    "transfer_not_found": Code(
        404, "Transfer not found", "There is no transfer with this id, or the caller may not see it.", ABSENT
    ),
    "hold_not_found": Code(
        404, "Hold not found", "There is no hold with this id, or the caller may not see it.", ABSENT
    ),
    "product_not_found": Code(
        404, "Product not found", "There is no product with this id, or it is off sale and not the caller's.", ABSENT
    ),
    "purchase_not_found": Code(
        404, "Purchase not found", "There is no purchase with this id, or the caller may not see it.", ABSENT
    ),
    "audit_not_found": Code(404, "No audit has run yet", "No audit has finished in this database.", LATER),
    "method_not_allowed": Code(
        405, "Method not allowed", "The path has no such method; `Allow` lists its own.", CORRECT
    ),
    "request_timeout": Code(
        408, "The request arrived too slowly", "The body did not arrive before the request's deadline.", LATER
    ),
    "username_taken": Code(409, "The username is taken", "Another user has or had this username.", CORRECT),
    "email_taken": Code(409, "The e-mail address is taken", "Another user has this e-mail address.", CORRECT),
    "balance_not_zero": Code(
        409, "Balance or holds are not zero", "An account to be closed, or a user who leaves, still has money.", LATER
    ),
    "purchases_pending": Code(
        409, "A purchase is still in progress", "A user who leaves is buyer or seller of an unfinished purchase.", LATER
    ),
    "account_frozen": Code(409, "The account is frozen", "An operator has frozen the caller's account.", DECIDED),
    "account_closed": Code(409, "The account is closed", "The caller's account is closed, for good.", DECIDED),
    "account_unavailable": Code(
        409, "The other account can neither pay nor be paid", "Another user's account is frozen or closed.", DECIDED
    ),
    "version_mismatch": Code(
        409, "The account has changed", "The payer's account is not at `from_account_version`.", DECIDED
    ),
    "hold_not_active": Code(
        409, "The hold is no longer active", "The hold was captured, released or expired before.", DECIDED
    ),
    "hold_expired": Code(409, "The hold has expired", "The hold's `expires_at` has passed.", DECIDED),
    "already_reversed": Code(409, "The transfer is already reversed", "Nothing of the transfer is left.", DECIDED),
    "pays_purchase": Code(
        409, "The transfer pays for a purchase", "A purchase is refunded, and its payment is not reversed.", DECIDED
    ),
    "already_refunded": Code(409, "The purchase is already refunded", "Nothing of the purchase is left.", DECIDED),
    "purchase_not_completed": Code(
        409,
        "The purchase is not completed",
        "The purchase is pending or rejected: there is nothing to refund.",
        DECIDED,
    ),
    "price_changed": Code(
        409, "The price has changed", "The product's price is not the `price` of the request.", DECIDED
    ),
    "seller_changed": Code(
        409, "The payee account no longer belongs to the seller", "The account of the product has a new owner.", DECIDED
    ),
    "product_archived": Code(409, "The product is no longer for sale", "The product was taken off sale.", CORRECT),
    "below_minimum": Code(
        409, "The available balance is below the new minimum", "An operator sets a minimum above `available`.", LATER
    ),
    "quota_reached": Code(
        409,
        "You have as many as you may have",
        "The user has as many accounts, keys, posts or products as allowed.",
        LATER,
    ),
    "audit_running": Code(409, "An audit is already running", "The process is running an audit.", LATER),
    "precondition_failed": Code(412, "The resource has changed", "`If-Match` is not the resource's ETag.", STALE),
    "body_too_large": Code(413, "The body is too large", "The body exceeds `FOLIO_MAX_BODY_SIZE`.", CORRECT),
    "uri_too_long": Code(414, "The URL is too long", "The URL exceeds the limit that the detail names.", CORRECT),
    "unsupported_media_type": Code(
        415, "The body must be application/json", "The body has another type, no type, or a Content-Encoding.", CORRECT
    ),
    "validation_error": Code(
        422,
        "The request is not valid",
        "A parameter, header or member breaks the schema; `errors` lists them.",
        CORRECT,
    ),
    "same_account": Code(
        422, "Payer and payee are the same account", "A transfer or hold names one account twice.", DECIDED
    ),
    "currency_mismatch": Code(
        422, "The currencies differ", "The accounts, or the account and the request, have two currencies.", DECIDED
    ),
    "exceeds_reversible": Code(
        422,
        "More than what is left",
        "The amount or the quantity is more than what is left to reverse or refund: `reversible`, and for a purchase "
        "`reversible_quantity`.",
        DECIDED,
    ),
    "insufficient_funds": Code(
        422,
        "Insufficient funds",
        "`available` would fall below the account's minimum; its owner is told `available` and `shortfall`.",
        DECIDED,
    ),
    "out_of_stock": Code(422, "Out of stock", "Fewer units are left than the request takes.", PURCHASE),
    "balance_out_of_range": Code(
        422,
        "The balance would be out of range",
        "A balance would leave the range that Folio keeps exact: 2^53 - 1 either way.",
        DECIDED,
    ),
    "idempotency_key_reused": Code(
        422,
        "The Idempotency-Key belongs to another request",
        "The key was used with another method, path or body.",
        Effect(NOTHING, "Under a new Idempotency-Key, if this is a new request."),
    ),
    "precondition_required": Code(428, "If-Match required", "A change of a tagged resource has no `If-Match`.", STALE),
    "too_many_requests": Code(
        429, "Too many requests", "The caller, or their address, exceeds a limit per minute or in flight.", AGAIN
    ),
    "headers_too_large": Code(
        431, "The headers are too large", "URL and headers exceed the limit that the detail names.", CORRECT
    ),
    "internal_error": Code(
        500, "Internal error", "Folio, or one of its databases, has a defect; the log names it.", DEFECT
    ),
    "contention": Code(
        503, "Too many conflicting transactions", "Deadlocks or serialization failures outlasted the retries.", AGAIN
    ),
    "database_overloaded": Code(
        503,
        "The database has run out of a resource",
        "The server lacks memory or another resource, or its commits wait for a standby that hangs.",
        AGAIN,
    ),
    "database_read_only": Code(503, "The database is read-only", "The server is a standby, or refuses writes.", AGAIN),
    "database_unavailable": Code(
        503, "The database is unavailable", "The server is away, starting, or closed the connection.", AGAIN
    ),
    "deadline_exceeded": Code(503, "The request timed out", "The deadline passed before COMMIT was sent.", AGAIN),
    "disk_full": Code(503, "The database's disk is full", "The server cannot write.", AGAIN),
    "lock_timeout": Code(503, "A lock was not free in time", "Other transactions kept a row locked.", AGAIN),
    "not_ready": Code(
        503, "Folio is not ready", "A database is away or lacks a migration, or Folio shuts down.", AGAIN
    ),
    "outcome_unknown": Code(503, "The outcome is unknown", "The outcome of a COMMIT was not learned in time.", UNKNOWN),
    "overloaded": Code(503, "Too many requests in flight", "The process serves as many requests as it may.", AGAIN),
    "pool_exhausted": Code(
        503, "No database connection is free", "All connections were checked out until the checkout timed out.", AGAIN
    ),
    "statement_timeout": Code(503, "A statement timed out", "A statement exceeded its time limit.", AGAIN),
    "too_many_connections": Code(
        503, "The database server has no free connection", "The server's `max_connections` is reached.", AGAIN
    ),
    "transaction_rolled_back": Code(
        503, "The transaction was rolled back", "The database answered COMMIT with ROLLBACK.", AGAIN
    ),
    "transaction_timeout": Code(
        503, "The transaction timed out", "The transaction was open or idle for longer than allowed.", AGAIN
    ),
}
"""Each error by its code, in the order of status."""
