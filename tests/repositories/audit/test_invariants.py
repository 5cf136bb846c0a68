"""The audit: clean after ordinary work, and each kind of corruption is found by exactly the checks that can see it."""

import asyncio
import json
from collections.abc import Mapping

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.audit import run, stages
from tests.harness.payments import order
from tests.harness.processes import command
from tests.harness.world import World
from tests.repositories.audit.books import Books

pytestmark = pytest.mark.full_pool

LATER = "clock_timestamp() + interval '1 hour'"
MAIN = {
    # Transfers and entries, in both directions
    "UPDATE entries SET amount = amount + 5 WHERE transfer_id = 2": "balance chain entries_pair_up sum_zero",
    "DELETE FROM entries WHERE transfer_id = 2 AND amount > 0": "balance chain entries_pair_up sum_zero",
    "DELETE FROM entries WHERE transfer_id = 2": "balance chain entries_pair_up",
    "DELETE FROM transfers WHERE id = 1": "entries_pair_up",
    "UPDATE entries SET balance_after = balance_after + 1 WHERE account_id = 1 AND version = 2": "chain",
    # Accounts
    "UPDATE accounts SET balance = balance + 1 WHERE id = 1": "balance",
    "UPDATE accounts SET held = held + 1 WHERE id = 1": "held",
    "UPDATE accounts SET minimum = 5000 WHERE id = 1": "below_minimum record",
    "UPDATE accounts SET minimum = NULL WHERE id = 1": "record",
    "UPDATE accounts SET status = 'frozen' WHERE id = 1": "record",
    "DELETE FROM changes WHERE account_id = 1": "record",
    "UPDATE changes SET after = after || '{\"minimum\": 5}' WHERE account_id = 1": "record",
    "INSERT INTO changes (at, kind, account_id, before, after)"
    " SELECT now(), 'account_changed', 1, '{}', after FROM changes WHERE account_id = 1": "record",
    # Reversals, captures, holds
    "DELETE FROM transfers WHERE id = 2": "entries_pair_up reversals transfer_keys",
    "UPDATE transfers SET amount = 101 WHERE id = 3": "entries_pair_up reversals",
    "UPDATE refunds SET purchase_id = 1": "refunds",
    "UPDATE refunds SET quantity = 2": "both/purchases refunds",
    "UPDATE purchases SET status = 'completed' WHERE id = 2": "purchases",
    "UPDATE transfers SET reverses_id = 4 WHERE id = 3": "reversals",
    "UPDATE transfers SET amount = 41 WHERE id = 6": "captures entries_pair_up",
    "DELETE FROM transfers WHERE id = 6": "captures entries_pair_up",
    "UPDATE transfers SET hold_id = 99 WHERE id = 6": "captures",
    "UPDATE holds SET status = 'expired' WHERE id = 1": "captures keys",
    "UPDATE holds SET expires_at = created_at - interval '2 minutes' WHERE id = 1": "captures",
    "UPDATE holds SET expires_at = expires_at - interval '62 minutes' WHERE id = 2": "overdue",
    # Purchases
    "UPDATE purchases SET transfer_id = 2 WHERE id = 1": "both/purchases purchases",
    "UPDATE purchases SET buyer_id = 2 WHERE id = 1": "purchases",
    "UPDATE transfers SET created_by = 2 WHERE id = 7": "purchases",
    "UPDATE transfers SET reverses_id = NULL WHERE id = 9": "both/purchases purchases refunds",
    # Keys of every kind
    "UPDATE idempotency_keys SET resource_id = 99 WHERE kind = 'transfer'": "transfer_keys",
    "UPDATE idempotency_keys SET resource_id = 99 WHERE kind = 'account'": "keys",
    "UPDATE idempotency_keys SET resource_id = 99 WHERE kind = 'hold'": "keys",
    "UPDATE idempotency_keys SET resource_id = 99 WHERE kind = 'purchase'": "keys",
    "UPDATE idempotency_keys SET resource_id = NULL WHERE kind = 'post'": "keys",
    "UPDATE idempotency_keys SET answer = NULL WHERE kind = 'refusal'": "keys",
    "UPDATE idempotency_keys SET user_id = 2 WHERE kind = 'post'": "keys",
    "UPDATE idempotency_keys SET user_id = 4 WHERE kind = 'hold' AND resource_id = 2": "keys",
    "UPDATE idempotency_keys SET user_id = 2 WHERE kind = 'batch'": "transfer_keys",
    "DELETE FROM transfers WHERE id = 5": "entries_pair_up transfer_keys",
    "UPDATE transfers SET created_by = 2 WHERE id = 2": "transfer_keys",
    "UPDATE idempotency_keys SET shown_account_ids = '{2}' WHERE kind = 'transfer'": "transfer_keys",
    "INSERT INTO idempotency_keys (user_id, key, request_hash, kind, resource_id, shown_account_ids)"
    " SELECT user_id, 'again', request_hash, kind, resource_id, shown_account_ids FROM idempotency_keys"
    " WHERE kind = 'transfer'": "transfer_keys",
    "UPDATE idempotency_keys SET resource_id = 99 WHERE kind = 'import'": "transfer_keys",
    "UPDATE idempotency_keys SET resource_id = 2 WHERE kind = 'import'": "transfer_keys",
    "UPDATE idempotency_keys SET user_id = 2 WHERE kind = 'import'": "transfer_keys",
    "UPDATE idempotency_keys SET created_at = created_at + interval '2 minutes' WHERE kind = 'import'": "transfer_keys",
    "DELETE FROM transfers WHERE id = 10": "entries_pair_up transfer_keys",
    # Dates
    "UPDATE transfers SET created_at = created_at - interval '1 year' WHERE id = 1": "dates entries_pair_up",
    "UPDATE transfers SET created_at = 'tomorrow' WHERE id = 5": "dates entries_pair_up",
    "UPDATE holds SET created_at = 'tomorrow' WHERE id = 2": "dates",
    "UPDATE purchases SET created_at = 'tomorrow' WHERE id = 1": "dates",
    "UPDATE users SET deleted_at = created_at - interval '1 day' WHERE id = 1": "dates leavers",
    # Leavers
    "UPDATE accounts SET owner_id = 3 WHERE id = 1": "leavers record",
    "UPDATE api_keys SET revoked_at = NULL WHERE user_id = 3": "leavers",
    "UPDATE users SET deleted_at = deleted_at - interval '61 minutes' WHERE id = 3;"
    " INSERT INTO posts (author_id, title, content, search) VALUES (3, '', '', '')": "leavers",
}
"""Statements that corrupt the main database, and the checks that find them."""
CATALOG = {
    "UPDATE products SET stock = stock + 1": "catalog/stock",
    "UPDATE products SET supplied = supplied - 1": "catalog/stock",
    "UPDATE reservations SET status = 'released' WHERE purchase_id = 1": "both/purchases catalog/stock",
    "UPDATE reservations SET product_id = 99 WHERE purchase_id = 1": "both/purchases catalog/references catalog/stock",
    "UPDATE returns SET quantity = 2": "both/purchases catalog/returns catalog/stock",
    "DELETE FROM returns": "both/purchases catalog/stock",
    "UPDATE reservations SET status = 'refused' WHERE purchase_id = 2": "both/purchases catalog/returns",
    "UPDATE products SET seller_id = 99": "both/products",
    "UPDATE products SET account_id = 99": "both/products",
    "UPDATE products SET account_id = 1": "both/products",
    "UPDATE products SET currency = 'USD'": "both/products",
}
"""Statements that corrupt the catalog, and the checks that find them."""
UNLIKE = {
    f"UPDATE users SET created_at = {LATER} WHERE id = 2": "seller_younger",
    f"UPDATE accounts SET created_at = {LATER} WHERE id = 2": "account_younger",
    "UPDATE users SET deleted_at = clock_timestamp(), off_sale = TRUE WHERE id = 2": "seller_left",
    "DELETE FROM users WHERE id = 2": "seller_missing",
    "DELETE FROM accounts WHERE id = 2": "account_missing",
    "UPDATE changes SET after = after || '{\"owner_id\": 1}' WHERE account_id = 2": "owner",
    "UPDATE accounts SET currency = 'USD' WHERE id = 2": "currency",
    "UPDATE idempotency_keys SET kind = 'batch' WHERE kind = 'product'": "key",
}
"""Statements that corrupt the main database, and how a product then contradicts it."""
CHECKS = [
    "both/products",
    "both/purchases",
    "catalog/references",
    "catalog/returns",
    "catalog/stock",
    *(
        f"main/{name}"
        for name in (
            "balance",
            "below_minimum",
            "captures",
            "chain",
            "dates",
            "entries_pair_up",
            "held",
            "keys",
            "leavers",
            "overdue",
            "purchases",
            "record",
            "references",
            "refunds",
            "reversals",
            "sum_zero",
            "transfer_keys",
        )
    ),
]


NEW = {f"main/{name}" for name in stages.NEW} | {"main/keys", "main/transfer_keys", "both/purchases"}
"""Checks of an audit of new rows."""
OLD = {
    "DELETE FROM transfers WHERE id = 1",
    "UPDATE transfers SET created_at = created_at - interval '1 year' WHERE id = 1",
}
"""Statements after which transfer 1, the first, is no longer new: only an audit of everything finds its entries."""


def main_checks(checks: str) -> list[str]:
    """Return the names of the checks that a case of MAIN lists."""
    return [name if "/" in name else f"main/{name}" for name in checks.split()]


async def audit(client: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, int]:
    answer = await client.post("/ops/audit", headers=headers)
    assert answer.status_code == 200, answer.text
    assert (await client.get("/ops/audit", headers=headers)).json() == answer.json()
    rows = {check["name"]: len(check["rows"]) for check in answer.json()["checks"]}
    assert answer.json()["ok"] == (not any(rows.values()))
    return rows


async def test_the_audit_is_clean_after_ordinary_work_and_only_for_operators(
    client: httpx.AsyncClient, world: World
) -> None:
    """Every check is named and has no row; members are refused; before the first run there is no result."""
    ada, root = await world.person("ada"), await world.person("root", role="operator")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    assert (await client.get("/ops/audit", headers=root.headers)).json()["code"] == "audit_not_found"
    for key in ("a", "b"):
        await client.post("/transfers", json=order(payer, payee), headers=ada.paying(key))
    assert await audit(client, root.headers) == dict.fromkeys(CHECKS, 0)
    for method in ("GET", "POST"):
        refused = await client.request(method, "/ops/audit", headers=ada.headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "operator_required")


@pytest.mark.parametrize(("statement", "checks"), MAIN.items())
async def test_corruption_of_the_main_database_is_found(books: Books, statement: str, checks: str) -> None:
    """Exactly these checks report it; if the rows are new, those of an audit of what is new, too."""
    assert await books.audit() == {}
    await books.corrupt("main", statement)
    names = main_checks(checks)
    assert await books.audit_new() == (set() if statement in OLD else set(names) & NEW)
    assert list(await books.audit()) == names


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize(("statement", "checks"), MAIN.items())
async def test_corruption_is_found_in_slices(books: Books, statement: str, checks: str) -> None:
    """In slices of one row these checks report it, too; before, the books are clean."""
    assert await books.audit() == {}
    await books.corrupt("main", statement)
    assert set(await books.audit()) >= set(main_checks(checks))


@pytest.mark.parametrize(("statement", "checks"), CATALOG.items())
async def test_corruption_of_the_catalog_is_found(books: Books, statement: str, checks: str) -> None:
    """Exactly these checks report it; before, the books are clean."""
    assert await books.audit() == {}
    await books.corrupt("catalog", statement)
    assert list(await books.audit()) == checks.split()


@pytest.mark.parametrize(("statement", "problem"), UNLIKE.items())
async def test_a_product_that_contradicts_the_main_database_is_found(
    books: Books, statement: str, problem: str
) -> None:
    """As after a restore of one database alone; the row names the product and the contradiction."""
    assert await books.audit() == {}
    await books.corrupt("main", statement)
    row = {"product_id": 1, "seller_id": 2, "account_id": 2, "problems": [problem]}
    assert (await books.audit())["both/products"] == [row]


async def test_entries_that_are_dated_in_the_future_are_found(books: Books) -> None:
    """After a jump of the clock, later entries of the account keep its last time: transfer and accounts are named."""
    later = "clock_timestamp() + interval '1 day'"
    await books.corrupt("main", f"UPDATE accounts SET entered_at = {later} WHERE id = 1")
    await books.post(books.ada, "/transfers", order(1, 2))
    rows = await books.audit()
    assert [(row["kind"], row["id"]) for row in rows["main/dates"]] == [
        ("account", 1),
        ("account", 2),
        ("transfer", 11),
    ]
    assert list(rows) == ["main/dates"]


def test_every_check_has_a_test() -> None:
    """Each check that an audit runs is expected by some case."""
    expected = {name for checks in MAIN.values() for name in main_checks(checks)}
    expected |= {name for checks in CATALOG.values() for name in checks.split()}
    assert expected | {"main/references"} == set(CHECKS)


@pytest.mark.parametrize("database", ["main", "catalog"])
async def test_every_broken_reference_is_found(books: Books, database: str) -> None:
    """For each foreign key: rows that refer to nothing, as a restore without constraints may leave them."""
    connection = {"main": books.world.connection, "catalog": books.catalog}[database]
    cursor = await connection.execute(
        "SELECT conrelid::regclass::text, attname FROM pg_constraint"
        " JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f'"
    )
    references = await cursor.fetchall()
    assert references
    await books.corrupt(database)
    by_name = {"references", "entries_pair_up", "captures", "reversals", "purchases", "keys", "refunds", "returns"}
    for table, column in references:
        # The operator's own rows stay: the operator asks for the audit.
        move = f"UPDATE {table} SET {column} = {column} %s 9000 WHERE {column} <> {books.root.id}"
        await connection.execute((move % "+").encode())
        assert {name.partition("/")[2] for name in await books.audit()} & by_name, (table, column)
        await connection.execute((move % "-").encode())
        assert await books.audit() == {}


async def test_ordinary_delays_are_no_violation(books: Books) -> None:
    """Captured within a minute of expiry, half an hour overdue, a post that a leaver's batch has not deleted yet."""
    await books.corrupt(
        "main",
        "UPDATE holds SET expires_at = clock_timestamp() - interval '30 seconds' WHERE id = 1",
        "UPDATE holds SET expires_at = clock_timestamp() - interval '30 minutes' WHERE id = 2",
        "INSERT INTO posts (author_id, title, content, search) VALUES (3, '', '', '')",
        "UPDATE idempotency_keys SET resource_id = 99 WHERE kind = 'post'",
    )
    assert await books.audit() == {}


async def test_the_command_finds_what_the_route_finds(books: Books, served: Mapping[str, str]) -> None:
    """`folio audit` exits with 1 and names the same checks of both databases."""
    await books.corrupt(
        "main", "UPDATE accounts SET balance = balance + 1 WHERE id = 1", "DELETE FROM transfers WHERE id = 1"
    )
    assert await books.audit() != {}
    await books.corrupt("catalog", "UPDATE products SET stock = stock + 1, seller_id = 99")
    settings = {f"FOLIO_{name.upper()}_DATABASE_URL": url for name, url in served.items()}
    completed = await asyncio.to_thread(command, "audit", "--json", settings=settings)
    assert completed.returncode == 1, completed.stderr
    rows = {check["name"] for check in json.loads(completed.stdout)["checks"] if check["rows"]}
    assert (
        rows == set(await books.audit()) >= {"main/balance", "main/entries_pair_up", "catalog/stock", "both/products"}
    )


async def test_an_audit_that_takes_longer_than_its_request_continues(
    client: httpx.AsyncClient, app: FastAPI, settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is 202 with the result's location; a second audit is 409; then the result is stored."""
    monkeypatch.setitem(run.BUDGETS, "lock_timeout", "60s")
    root = await world.person("root", role="operator")
    async with world.connection.transaction():
        await world.connection.execute("LOCK TABLE entries IN ACCESS EXCLUSIVE MODE")
        service_of(app).settings = settings.model_copy(update={"request_timeout": 3})
        answer = await client.post("/ops/audit", headers=root.headers)
        assert (answer.status_code, answer.headers["Location"]) == (202, "/ops/audit")
        assert answer.json() == {"status": "running"}
        service_of(app).settings = settings
        again = await client.post("/ops/audit", headers=root.headers)
        assert (again.status_code, again.json()["code"]) == (409, "audit_running")
    async with asyncio.timeout(60):
        while (answer := await client.get("/ops/audit", headers=root.headers)).status_code == 404:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert answer.json()["ok"]
