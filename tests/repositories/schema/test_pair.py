"""Two databases of different times are found by the ids to which each refers."""

import psycopg
import pytest

from repositories.postgres.errors import DatabaseUnavailable
from repositories.schema import pair
from repositories.schema.pair import FIRST_ID_OF_RANGES, LostId

INSERT_PURCHASE = (
    "INSERT INTO purchases (buyer_id, product_id, quantity, unit_price, amount, account_id, payee_account_id,"
    " leased_until) VALUES (1, {id}, 1, 1, 1, 1, 2, 'infinity')"
)
INSERT_PRODUCT = (
    "INSERT INTO products (seller_id, account_id, name, description, price, currency, stock, search)"
    " VALUES ({users}, {accounts}, 'n', 'd', 1, 'EUR', 1, '')"
)
REFERENCES = {
    "users": ("main", INSERT_PRODUCT.format(users="{id}", accounts=1)),
    "accounts": ("main", INSERT_PRODUCT.format(users=1, accounts="{id}")),
    "purchases": (
        "main",
        "INSERT INTO reservations (purchase_id, product_id, quantity, status) VALUES ({id}, 1, 1, 'released')",
    ),
    "products": ("catalog", INSERT_PURCHASE),
}
"""A row that refers to an id, by table: the database of the table, and the statement for the other one."""


def execute(conninfo: str, statement: str) -> None:
    with psycopg.connect(conninfo, autocommit=True, options="-c session_replication_role=replica") as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize("table", REFERENCES)
async def test_a_reference_beyond_the_sequence_is_found(
    table: str, databases: dict[str, str], served: dict[str, str]
) -> None:
    """The last id that was given is no reason, the next one is; the statement of the repair removes the reason."""
    database, statement = REFERENCES[table]
    other = "catalog" if database == "main" else "main"
    for known in ("users", "accounts", "purchases"):
        execute(databases["main"], f"SELECT setval('{known}_id_seq', 7)")
    execute(databases["catalog"], "SELECT setval('products_id_seq', 7)")
    execute(databases[other], statement.format(id=7))
    assert (await pair.compare(served, purpose="test")).lost == []
    execute(databases[other], statement.format(id=8))
    [lost] = (await pair.compare(served, purpose="test")).lost
    assert lost == LostId(database, table, 8, 7)
    execute(databases[database], lost.repair.removeprefix(f"in {database}: "))
    assert (await pair.compare(served, purpose="test")).lost == []


async def test_empty_databases_lack_nothing(served: dict[str, str]) -> None:
    """A sequence that has given no id counts as 0."""
    assert await pair.compare(served, purpose="test") == pair.Pair(comparable=True, lost=[])


async def test_ids_from_ranges_of_nodes_are_not_compared(databases: dict[str, str], served: dict[str, str]) -> None:
    """On an engine that gives each node a range, the largest id says nothing about the sequence of another node."""
    execute(databases["catalog"], REFERENCES["users"][1].format(id=FIRST_ID_OF_RANGES))
    assert await pair.compare(served, purpose="test") == pair.Pair(comparable=False, lost=[])


async def test_a_database_that_is_away_is_a_fault(served: dict[str, str]) -> None:
    """A command that compares waits for the database, as for every other check."""
    with pytest.raises(DatabaseUnavailable):
        await pair.compare(served | {"catalog": "host=127.0.0.1 port=1"}, purpose="test")
