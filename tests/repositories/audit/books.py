"""Books with a row of every kind, written through the API, and what an audit of them finds."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from fastapi import FastAPI

from api.process.service import service_of
from repositories.audit import run
from repositories.audit_passes import AuditPassRepository
from repositories.audits import AuditRepository
from repositories.idempotency_keys import Key
from repositories.ledger.imports import Imported, import_batch
from repositories.ledger.payments import Payment
from repositories.postgres import unit_of_work
from repositories.transfers import TransferOrder
from tests.harness.expect import found, problem
from tests.harness.payments import hold_order, order
from tests.harness.world import Connection, Person, World

CHECKS_DROPPED = {"accounts": "accounts_available_check", "idempotency_keys": "idempotency_keys_answer_check"}
"""Constraints that would refuse a corruption which an audit looks for, by table."""


@dataclass
class Books:
    """Ada pays Bob, who sells; Cyd has left; Root is an operator. Ids count from 1, in the order of the requests."""

    client: httpx.AsyncClient
    world: World
    catalog: Connection
    app: FastAPI

    async def open(self) -> "Books":
        """Transfers 1 to 10: funds, payment, reversal, batch of two, capture, purchase, purchase and refund, import."""
        self.ada, self.bob, cyd = [await self.world.person(name) for name in ("ada", "bob", "cyd")]
        self.root = await self.world.person("root", role="operator")
        for owner in (self.ada, self.bob):
            await self.post(owner, "/accounts", {"name": "Purse", "currency": "EUR"})
        await self.world.fund(1, 1000)
        await self.post(self.ada, "/transfers", order(1, 2) | {"reference": "Invoice 1"})
        await self.post(self.bob, "/transfers/2/reversal")
        await self.post(self.ada, "/transfers/batch", {"transfers": [order(1, 2, 1), order(1, 2, 2)]})
        for _ in range(2):
            await self.post(self.ada, "/holds", hold_order(1, 2, 40))
        await self.post(self.bob, "/holds/1/capture", status=200)
        product = {"name": "Pen", "description": "", "price": 10, "account_id": 2, "currency": "EUR", "stock": 5}
        await self.post(self.bob, "/products", product)
        for _ in range(2):
            await self.post(self.ada, "/purchases", {"product_id": 1, "quantity": 1, "account_id": 1})
        await self.post(self.bob, "/purchases/2/refund")
        await self.bring("old-1")
        await self.post(self.ada, "/posts", {"title": "Title", "content": "Content"})
        problem(
            await self.client.post("/transfers", json=order(1, 2, 10**6), headers=self.ada.paying()),
            422,
            "insufficient_funds",
        )
        await self.post(self.root, "/users/1/api-keys", {"name": "Issued"})
        await self.post(self.ada, "/users/me/api-keys", {"name": "Own"})
        left = await self.client.delete("/users/me", headers=cyd.headers | {"If-Match": "*"})
        assert left.status_code == 204, left.text
        await self.world.connection.execute("UPDATE purchases SET decided_at = decided_at - interval '1 hour'")
        return self

    async def post(self, person: Person, path: str, body: object = None, status: int = 201) -> None:
        found(await self.client.post(path, json=body, headers=person.paying()), status)

    async def bring(self, key: str) -> None:
        """Import a transfer of another system under a key."""
        transfer = TransferOrder(ordered_by=self.root.id, from_account_id=1, to_account_id=2, amount=1, consented=True)
        payments = [Payment(transfer, Key(self.root.id, key, bytes(32), request_id=""))]
        async with service_of(self.app).pools["main"].checkout() as checkout:
            done = await unit_of_work.run(checkout, partial(import_batch, payments=payments))
        assert done == Imported(made=1, earlier=0, refusal=None)

    async def corrupt(self, database: str, *statements: str) -> None:
        """Run statements behind Folio's back, without triggers, foreign keys and checks."""
        connection = {"main": self.world.connection, "catalog": self.catalog}[database]
        await connection.execute("SET session_replication_role = replica")
        if database == "main":
            for table in ("entries", "transfers", "changes"):
                await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
            for table, name in CHECKS_DROPPED.items():
                await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}".encode())
        for statement in statements:
            await connection.execute(statement.encode())

    async def audit_new(self) -> set[str]:
        """Audit what is new since the last audit; return the names of the checks that found rows."""
        databases = service_of(self.app).audited
        async with databases.main.checkout() as checkout:
            last = await AuditRepository(checkout.connection).get_last()
            assert last is not None
            await AuditPassRepository(checkout.connection).schedule(since=last.started_at - run.OVERLAP)
        await run.resume(databases, 60)
        async with databases.main.checkout() as checkout:
            audit = await AuditRepository(checkout.connection).get_last()
        assert audit is not None
        assert (audit.completed_at, audit.started_at > last.started_at) == (last.completed_at, True)
        return {check["name"] for check in audit.checks if check["rows"]}

    async def audit(self) -> dict[str, list[dict[str, Any]]]:
        """Run an audit; return the rows of each check that found some."""
        audit = found(await self.client.post("/ops/audit", headers=self.root.headers))
        rows = {check["name"]: check["rows"] for check in audit["checks"] if check["rows"]}
        assert audit["ok"] == (not rows)
        return rows
