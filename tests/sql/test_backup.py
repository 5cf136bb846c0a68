"""The commands of docs/backup.md restore a pair of databases, also if one of them is of an earlier time."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.harness import templates
from tests.harness.processes import Service, command, printed, service, until
from tests.harness.programs import run
from tests.harness.servers import Embedded, migrated_databases
from tests.harness.world import Person, World, a_product

PAGE = Path("docs/backup.md").read_text(encoding="utf-8")
SETTINGS = [
    dict(re.findall(r"^(\w+) = '?(.*?)'?$", block, re.MULTILINE))
    for block in re.findall(r"^```ini\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
]
"""The settings for archiving, and those for a restore."""
BLOCKS = dict(re.findall(r"^```sh (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
STOCK = 10
OLDEST = 170000
"""The oldest server that this pg_restore restores to."""


@dataclass
class Shop:
    """Bob sells pens for 10, with 10 in stock; Ada has 1,000."""

    databases: dict[str, str]
    settings: dict[str, str]
    folder: Path
    since: datetime

    async def open(self) -> "Shop":
        async with await connect(self.databases["main"]) as main, await connect(self.databases["catalog"]) as catalog:
            self.ada, self.bob = [await World(main).person(name) for name in ("ada", "bob")]
            self.purse, till = await World(main).account(self.ada), await World(main).account(self.bob)
            await World(main).fund(self.purse, 1000)
            self.pen = await a_product(catalog, self.bob, till, stock=STOCK)
        return self

    def page(self, *names: str, lines: slice = slice(None)) -> None:
        """Run blocks of the page in one shell, on these databases."""
        script = "".join(BLOCKS[name] for name in names)
        script = "\n".join(script.splitlines()[lines])
        for database, conninfo in self.databases.items():
            script = script.replace(f"folio_{database}", str(conninfo_to_dict(conninfo)["dbname"]))
        exports = f'set -euo pipefail\nexport BACKUP="{self.folder}" SINCE="{self.since.isoformat()}"\n'
        done = run(["bash"], exports + script, templates.conninfo("postgres"))
        assert done.returncode == 0, done.stdout + done.stderr

    def restore(self, database: str) -> None:
        """Restore one database alone."""
        self.page("restore", lines=slice(1) if database == "catalog" else slice(1, 2))

    def buy(self, folio: Service, product: int, quantity: int = 1) -> Any:
        body = {"product_id": product, "quantity": quantity, "account_id": self.purse}
        answer = folio.request("POST", "/purchases", json=body, headers=self.ada.paying())
        assert answer.status_code == 201, answer.text
        return answer.json()

    def sell(self, folio: Service, seller: Person | str) -> int:
        """Open an account and put a product up for sale; return its id."""
        headers = seller.headers if isinstance(seller, Person) else {"Authorization": f"Bearer {seller}"}
        account = folio.request("POST", "/accounts", json={"name": "Till", "currency": "EUR"}, headers=headers).json()
        body = {"name": "Book", "price": 10, "currency": "EUR", "stock": STOCK, "account_id": account["id"]}
        answer = folio.request("POST", "/products", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def refused(self, *sentences: str) -> None:
        """Assert that Folio does not serve, and that the doctor says why, with the repair."""
        serve = command("serve", "--port", "1", settings=self.settings)
        doctor = command("doctor", "--json", settings=self.settings)
        assert (serve.returncode, doctor.returncode) == (1, 1)
        [finding] = [finding for finding in json.loads(doctor.stdout)["findings"] if finding["check"] == "ids"]
        for sentence in sentences:
            assert sentence in " ".join(serve.stderr.split())
            assert sentence in finding["is"]
        assert "setval" in finding["do"]
        assert "docs/backup.md" in finding["do"]

    def clean(self, folio: Service) -> None:
        """Assert that every purchase is finished, and that an audit of all of them finds nothing."""
        with psycopg.connect(self.databases["main"], autocommit=True) as main:
            for table in ("purchases", "refunds"):
                query = f"SELECT count(*) FROM {table} WHERE NOT finished"
                until(lambda query=query: main.execute(query).fetchone() == (0,))  # type: ignore[misc]
            main.execute("UPDATE purchases SET decided_at = decided_at - interval '1 hour'")
        assert folio.answers()
        audit = printed(command("audit", "--json", settings=self.settings))
        assert audit["ok"], audit


async def connect(conninfo: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(conninfo, autocommit=True)


@pytest.fixture
async def shop(databases: dict[str, str], served: dict[str, str], tmp_path: Path) -> Shop:
    async with await connect(databases["main"]) as main:
        if main.info.server_version < OLDEST:
            pytest.skip("pg_restore of PostgreSQL 18 writes settings that this server does not know")
    if not templates.has_roles():
        pytest.skip("only a superuser creates databases")
    settings = {f"FOLIO_{name.upper()}_DATABASE_URL": conninfo for name, conninfo in served.items()}
    return await Shop(databases, settings, tmp_path, datetime.now(UTC)).open()


async def test_a_pair_of_dumps_restores_both_databases(shop: Shop) -> None:
    """The catalog is dumped first; what was sold between the two dumps is found and settled."""
    catalog, main = BLOCKS["dump"].splitlines()
    with service(shop.settings) as folio:
        shop.buy(folio, shop.pen)
        shop.page("dump", lines=slice(1))
        assert "catalog" in catalog
        shop.buy(folio, shop.pen, 2)
        shop.page("dump", lines=slice(1, 2))
        assert "main" in main
        shop.buy(folio, shop.pen, 3)
    shop.page("restore")
    shop.page("catalog-ids", "catalog-rows")
    with service(shop.settings) as folio:
        shop.clean(folio)
        assert stock(shop) == STOCK - 3


async def test_main_restored_alone_gives_no_id_again(shop: Shop) -> None:
    """Folio refuses to serve until main's sequences are past the ids of the catalog; then the audit is clean."""
    with service(shop.settings) as folio:
        shop.buy(folio, shop.pen)
        shop.page("dump")
        lost = shop.buy(folio, shop.pen, 2)
        carol = folio.request("POST", "/users", json={"username": "carol", "email": "carol@example.com"}).json()
        book = shop.sell(folio, carol["api_key"])
    shop.restore("main")
    shop.refused("catalog refers to users up to id", "catalog refers to accounts up to id", "purchases up to id")
    shop.page("main-ids", "main-rows")
    with service(shop.settings) as folio:
        dave = folio.request("POST", "/users", json={"username": "dave", "email": "dave@example.com"}).json()
        assert dave["id"] > carol["id"]
        assert folio.request("GET", f"/products/{book}").status_code == 404
        assert shop.buy(folio, shop.pen, 2)["id"] > lost["id"]
        shop.clean(folio)
        assert stock(shop) == STOCK - 3


async def test_the_catalog_restored_alone_gets_its_reservations_back(shop: Shop) -> None:
    """Folio refuses to serve until the ids of lost products are safe; its job writes the missing reservations."""
    with service(shop.settings) as folio:
        shop.buy(folio, shop.pen)
        shop.page("dump")
        shop.buy(folio, shop.pen, 2)
        refunded = shop.buy(folio, shop.pen)
        answer = folio.request("POST", f"/purchases/{refunded['id']}/refund", headers=shop.bob.paying())
        assert answer.status_code == 201, answer.text
        book = shop.sell(folio, shop.bob)
        shop.buy(folio, book, 4)
    shop.restore("catalog")
    shop.refused("main refers to products up to id")
    shop.page("catalog-ids", "catalog-rows")
    with service(shop.settings) as folio:
        shop.clean(folio)
        assert stock(shop) == STOCK - 3
        assert shop.sell(folio, shop.bob) > book
        assert (
            folio.request("GET", f"/products/{book}", headers=shop.ada.headers).json()["name"] == f"Lost product {book}"
        )


def stock(shop: Shop) -> int:
    """Return the stock of pens."""
    with psycopg.connect(shop.databases["catalog"]) as catalog:
        [(value,)] = catalog.execute("SELECT stock FROM products WHERE id = %s", [shop.pen]).fetchall()
        return int(value)


class Archived:
    """A cluster that archives its write-ahead log beside its data directory, with both databases."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        archiving, self._recovery = [
            {name: value.replace("/backup/wal", "../wal") for name, value in settings.items()} for settings in SETTINGS
        ]
        self.server = Embedded({"fsync": "off", "max_connections": "100"} | archiving)
        self._owner = self.server.cluster.stat().st_uid
        wal = self.server.cluster.parent / "wal"
        wal.mkdir()
        os.chown(wal, self._owner, -1)

    def back_up(self) -> None:
        """Take a base backup as the page does."""
        script = f'set -euo pipefail\nexport BACKUP="{self._folder}"\n' + BLOCKS["base"]
        done = run(["bash"], script, self.server.conninfo)
        assert done.returncode == 0, done.stderr

    def restore(self, time: datetime) -> None:
        """Put the base backup in place of the cluster, and recover to a time as the page says."""
        with psycopg.connect(self.server.conninfo, autocommit=True) as connection:
            [(last,)] = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchall()
            archived = "SELECT coalesce(last_archived_wal, '') >= %s FROM pg_stat_archiver"
            until(lambda: connection.execute(archived, [last]).fetchone() == (True,))
        self.server.stop()
        cluster = self.server.cluster
        shutil.rmtree(cluster)
        shutil.copytree(self._folder / "base", cluster)
        settings = self._recovery | {"recovery_target_time": time.isoformat()}
        with (cluster / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        (cluster / "recovery.signal").touch()
        for path in [cluster, *cluster.rglob("*")]:
            os.chown(path, self._owner, -1)
        self.server.start()
        with psycopg.connect(self.server.conninfo, autocommit=True) as connection:
            until(lambda: connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,))


@pytest.fixture
def archived(tmp_path: Path) -> Iterator[Archived]:
    cluster = Archived(tmp_path)
    try:
        yield cluster
    finally:
        cluster.server.remove()


async def test_one_cluster_is_restored_to_a_time(archived: Archived, tmp_path: Path) -> None:
    """Both databases are of that time, in the middle of purchases: Folio serves, finishes them, and finds nothing."""
    names = await migrated_databases(archived.server.conninfo)
    settings = {f"FOLIO_{name.upper()}_DATABASE_URL": conninfo for name, conninfo in names.items()}
    shop = await Shop(names, settings, tmp_path, datetime.now(UTC)).open()
    with service(settings) as folio, ThreadPoolExecutor(3) as buyers:
        shop.buy(folio, shop.pen)
        archived.back_up()
        purchases = [buyers.submit(shop.buy, folio, shop.pen) for _ in range(6)]
        purchases[2].result()
        with psycopg.connect(names["main"]) as connection:
            [(time,)] = connection.execute("SELECT clock_timestamp()").fetchall()
        for purchase in purchases:
            purchase.result()
        carol = folio.request("POST", "/users", json={"username": "carol", "email": "carol@example.com"}).json()
        assert shop.sell(folio, carol["api_key"]) > shop.pen
    archived.restore(time)
    with service(settings) as folio:
        shop.clean(folio)
        assert folio.request("GET", f"/users/{carol['id']}", headers=shop.ada.headers).status_code == 404
        sold = STOCK - stock(shop)
        assert 3 <= sold <= 7
        with psycopg.connect(names["main"]) as connection:
            query = "SELECT count(*) FROM purchases WHERE status = 'completed'"
            assert connection.execute(query).fetchone() == (sold,)
    findings = json.loads(command("doctor", "--json", settings=settings).stdout)["findings"]
    assert [finding["status"] for finding in findings if finding["check"] == "ids"] == ["ok"]
