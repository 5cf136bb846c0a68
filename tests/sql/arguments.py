"""Arguments for each statement: they find rows among those of `tests/sql/data`.

A parameter means the same in nearly every file, so most arguments go by name; PARTICULAR has the others, by file.
"""

import datetime
import hashlib
from collections.abc import Iterable
from typing import Any

LATE = datetime.datetime(2200, 1, 1, tzinfo=datetime.UTC)
EARLY = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
DIGEST = hashlib.sha256(b"new").digest()

USUAL: dict[str, Any] = {
    "account_id": 46,
    "after": None,
    "after_id": 5,
    "after_version": 0,
    "age": 60,
    "amount": 10,
    "at": LATE,
    "author_id": 7,
    "before_id": 1 << 53,
    "before_time": LATE,
    "before_version": 1 << 53,
    "buyer_id": 7,
    "content": "new",
    "currency": "EUR",
    "description": "new",
    "email": "new@example.com",
    "email_key": "new@example.com",
    "from_time": EARLY,
    "id": 5,
    "ids": [9, 5, 3],
    "idempotency_key": "key6",
    "lease": 60,
    "limit": 10,
    "metadata": '{"name": "new"}',
    "name": "new",
    "owner_id": 7,
    "price": 10,
    "product_id": 6,
    "purchase_id": 5,
    "purchase_ids": [9, 5, 3],
    "quantity": 1,
    "quota": 1000,
    "query": "word7",
    "reference": "reference5",
    "seconds": 60,
    "seller_id": 7,
    "since": EARLY,
    "size": 10,
    "status": None,
    "stock": 100,
    "title": "new",
    "to_time": LATE,
    "transfer_id": 20,
    "turn": 1,
    "until": None,
    "user_id": 7,
    "username": "new",
    "username_key": "new",
}

PARTICULAR: dict[str, dict[str, Any]] = {
    "both/server/activity": {"pids": [1, 2]},
    "both/server/blockers": {"pids": [1, 2]},
    "both/server/busy": {"milliseconds": 20},
    "both/server/missing_privileges": {
        "objects": ["users", "absent"],
        "attributes": ["email", ""],
        "privileges": ["UPDATE", "SELECT"],
    },
    "both/schema_migrations/insert": {"version": 9999, "checksum": "new"},
    "both/session/read": {"names": ["lock_timeout", "statement_timeout"]},
    "both/session/set": {"name": "lock_timeout", "value": "60s"},
    "both/session/hurry": {"timeout": "500ms"},
    "both/session/configure": {"names": ["lock_timeout", "statement_timeout"], "values": ["60s", "60s"]},
    "catalog/products/insert": {"idempotency_key": "new"},
    "catalog/products/lock": {"seller_id": None},
    "catalog/products/search": {"seller_id": None},
    # A reserved one writes the row of its product, and so hides that its foreign key locks it.
    "catalog/reservations/give_back": {"refund_id": 9999, "purchase_id": 15},
    "catalog/reservations/insert": {"purchase_id": 9999, "status": "refused"},
    "main/accounts/close_owned": {"owner_id": 900},
    "main/accounts/list_changed": {"ids": [9, 5, 3], "versions": [-1, -1, -1]},
    "main/accounts/lock": {"from_ids": [9, 5, 3], "to_ids": [5, 3, 9], "owners": [None, None, None]},
    "main/accounts/lock_pair": {"from_id": 9, "to_id": 5, "owner_id": None},
    "main/accounts/update": {"minimum": None, "status": "open"},
    "main/api_keys/authenticate": {"digest": hashlib.sha256(b"key5").digest()},
    "main/api_keys/authenticate_many": {"digests": [hashlib.sha256(b"key5").digest(), DIGEST]},
    "main/api_keys/find": {"digest": hashlib.sha256(b"key5").digest()},
    "main/api_keys/insert": {"digest": DIGEST, "read_only": False, "expires_at": LATE, "issued_by": 7},
    "main/api_keys/revoke": {"user_id": 6},
    "main/audit_passes/save": {"stage": "ids", "position": "20", "checks": "[]"},
    "main/audit_passes/schedule": {"since": None},
    "main/audits/insert": {"ok": True, "checks": "[]", "started_at": EARLY, "completed_at": None},
    "main/changes/insert": {
        "changed_by": 7,
        "kind": "key_issued",
        "account_ids": [3, 5, None, None],
        "user_ids": [None, None, 7, 8],
        "api_key_ids": [None, None, 7, 8],
        "befores": [None, None, None, None],
        "afters": ["{}", "{}", "{}", "{}"],
    },
    "main/changes/list_by_account": {"user_id": None},
    "main/holds/expire": {"account_ids": [1, 2]},
    "main/holds/insert": {"from_account_id": 3, "to_account_id": 5, "expires_in": 60, "created_by": 7},
    "main/holds/settle": {"id": 25, "status": "released"},
    "main/idempotency_keys/find": {"key": "key6"},
    "main/idempotency_keys/insert": {
        "key": "new",
        "request_hash": DIGEST,
        "kind": "refusal",
        "resource_id": None,
        "answer": "{}",
    },
    "main/idempotency_keys/find_many": {"user_ids": [7, 7], "keys": ["key6", "new"]},
    "main/idempotency_keys/insert_many": {
        "user_ids": [9, 5, 3],
        "keys": ["new", "new", "new"],
        "request_hashes": [DIGEST, DIGEST, DIGEST],
        "kinds": ["transfer", "refusal", "transfer"],
        "resource_ids": [20, None, 21],
        "shown_account_ids": ["{3,5}", None, "{}"],
        "answers": [None, "{}", None],
    },
    "main/leases/take": {"name": "audit"},
    "main/posts/lock": {"author_id": 6},
    "main/posts/search": {"author_id": None},
    "main/purchases/decide": {"status": "completed", "reason": None, "transfer_id": 4500},
    "main/purchases/finish": {"id": 15, "status": "completed"},
    "main/purchases/insert": {"unit_price": 10, "account_id": 3, "payee_account_id": 5},
    "main/purchases/refund": {"id": 15},
    "main/request_counts/add": {"kind": "wrong_key", "source": "10.1.2.3"},
    "main/refunds/finish": {"transfer_id": 4005},
    "main/refunds/insert": {"transfer_id": 3500, "purchase_id": 3500},
    "main/refunds/lease": {"seconds": 60},
    "main/transfers/insert": {
        "from_account_ids": [3, 4, 3, 4],
        "to_account_ids": [5, 6, 5, 6],
        "amounts": [10, 10, 10, 10],
        "descriptions": [None, None, None, None],
        "created_by": [6, 7, 6, 7],
        "keys": ["new", "new", None, None],
        "request_hashes": [DIGEST, DIGEST, None, None],
        "reverses_ids": [2001, 2002, None, None],
        "hold_ids": [None, None, 5, 6],
        "references": ["new", None, None, None],
        "reference_by": [6, None, None, None],
        "metadata": ['{"name": "new"}', None, None, None],
    },
    "main/transfers/insert_one": {
        "from_account_id": 3,
        "to_account_id": 5,
        "created_by": 6,
        "key": "new",
        "request_hash": DIGEST,
        "reverses_id": 2001,
        "hold_id": None,
        "reference": "new",
        "reference_by": 6,
    },
    "main/transfers/list_by_owner": {"owner_id": 47},
    "main/transfers/list_by_reference": {"account_id": None},
    "main/transfers/list_by_writer": {"account_id": None, "reference_by": 227},
    "main/users/set_role": {"role": "operator"},
    "main/users/list_sellers": {
        "product_ids": [9, 5, 3],
        "seller_ids": [9, 5, 3],
        "account_ids": [9, 5, 3],
        "keys": ["key9", "key5", "key3"],
    },
    "main/users/get_by_username": {"username_key": "user5"},
}

AGAIN: dict[str, dict[str, Any]] = {
    # A transfer refers to a reversed transfer or to a hold, never to both.
    "main/transfers/insert_one": {
        "from_account_id": 4,
        "to_account_id": 6,
        "key": "again",
        "reverses_id": None,
        "hold_id": 5,
    },
}
"""Other arguments of a file that shows all of its locks only if it runs twice."""


def arguments(name: str, parameters: Iterable[str]) -> dict[str, Any]:
    """Return the arguments of a file, by parameter name; AssertionError if there is none for a parameter."""
    known = USUAL | PARTICULAR.get(name, {})
    missing = ", ".join(parameter for parameter in parameters if parameter not in known)
    assert not missing, f"sql/{name}.sql has no argument for {missing}: add it to tests/sql/arguments.py"
    return {parameter: known[parameter] for parameter in parameters}
