"""The ledger and a model of it: hypothesis drives both over HTTP and compares them after every step."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import psycopg
import pytest
import uvloop
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from api.process.service import service_of
from repositories.ledger import holds as ledger
from repositories.postgres import unit_of_work
from tests.harness import gathering
from tests.harness.world import Person, World

pytestmark = pytest.mark.full_pool

T = TypeVar("T")
EXAMPLES = 12
STEPS = 30

amounts = st.integers(1, 120)
picks = st.integers(0, 5)


@dataclass
class Account:
    """An account in the model."""

    id: int
    owner: Person
    minimum: int | None
    balance: int = 0
    held: int = 0
    overdue: int = 0
    """Money of expired holds that no sweep has freed yet; it blocks no payment."""
    version: int = 0
    status: str = "open"


@dataclass
class Hold:
    id: int
    payer: Account
    payee: Account
    amount: int
    status: str = "active"


@dataclass
class Transfer:
    id: int
    payer: Account
    payee: Account
    amount: int
    reversed: int = 0


@dataclass
class Running:
    """An application on a database of its own, in an event loop that rules can run coroutines on."""

    run: Callable[[Coroutine[Any, Any, Any]], Any]
    client: httpx.AsyncClient
    world: World
    app: FastAPI
    people: list[Person] = field(default_factory=list)


def machine(folio: Running) -> type[RuleBasedStateMachine]:  # noqa: C901 - one class of many rules
    """Return the state machine that drives a running application."""

    class Ledger(RuleBasedStateMachine):
        """Rules are requests; each compares its answer with the model's, and the invariant compares all accounts."""

        def __init__(self) -> None:
            super().__init__()
            self.accounts: list[Account] = []
            self.holds: list[Hold] = []
            self.transfers: list[Transfer] = []

        # Driving

        def post(self, path: str, body: object, who: Person, status: int) -> Any:
            answer = folio.run(folio.client.post(path, json=body, headers=who.paying()))
            assert answer.status_code == status, (answer.status_code, answer.text)
            return answer.json()

        def refused(self, path: str, body: object, who: Person, code: str) -> None:
            answer = folio.run(folio.client.post(path, json=body, headers=who.paying()))
            assert answer.json().get("code") == code, (code, answer.text)

        def account(self, pick: int) -> Account:
            return self.accounts[pick % len(self.accounts)]

        # The model

        def frozen(self, payer: Account, payee: Account, caller: Person) -> str | None:
            """Return the code for a frozen account: which of them it is, is told of the caller's own only."""
            owners = [account.owner for account in (payer, payee) if account.status == "frozen"]
            return ("account_frozen" if caller in owners else "account_unavailable") if owners else None

        def why_not(self, payer: Account, payee: Account, amount: int, freed: int = 0) -> str | None:
            if payer is payee:
                return "same_account"
            if (code := self.frozen(payer, payee, payer.owner)) is not None:
                return code
            if payer.minimum is not None and payer.balance - payer.held + freed - amount < payer.minimum:
                return "insufficient_funds"
            return None

        def move(self, payer: Account, payee: Account, amount: int, id: int) -> None:
            for side, signed in ((payer, -amount), (payee, amount)):
                side.balance += signed
                side.version += 1
            self.transfers.append(Transfer(id, payer, payee, amount))

        # Rules

        @initialize()
        def begin(self) -> None:
            for owner, minimum in zip(folio.people * 2, (None, 0, 0, -50), strict=True):
                self.accounts.append(Account(folio.run(folio.world.account(owner, minimum=minimum)), owner, minimum))
            for payee in range(1, len(self.accounts)):
                self.transfer(0, payee, 200, stale=False)

        @rule(payer=picks, payee=picks, amount=amounts, stale=st.booleans())
        def transfer(self, payer: int, payee: int, amount: int, stale: bool) -> None:
            source, target = self.account(payer), self.account(payee)
            body = {"from_account_id": source.id, "to_account_id": target.id, "amount": amount}
            code = self.why_not(source, target, amount)
            if stale and code in {None, "insufficient_funds"}:
                body["from_account_version"] = source.version + 1
                self.refused("/transfers", body, source.owner, "version_mismatch")
            elif code:
                self.refused("/transfers", body, source.owner, code)
            else:
                answer = self.post("/transfers", body | {"from_account_version": source.version}, source.owner, 201)
                self.move(source, target, amount, answer["id"])

        @rule(orders=st.lists(st.tuples(picks, picks, amounts), min_size=1, max_size=6), atomic=st.booleans())
        def batch(self, orders: list[tuple[int, int, int]], atomic: bool) -> None:
            owner = self.account(orders[0][0]).owner
            before = [(account.balance, account.version) for account in self.accounts]
            transfers, expected = [], []
            for payer, payee, amount in orders:
                source, target = self.account(payer), self.account(payee)
                transfers.append({"from_account_id": source.id, "to_account_id": target.id, "amount": amount})
                code = "account_not_found" if source.owner != owner else self.why_not(source, target, amount)
                expected.append(code)
                if code is None:
                    self.move(source, target, amount, 0)
            accepted = [code is None for code in expected]
            new = self.transfers[len(self.transfers) - sum(accepted) :]
            body = {"atomic": atomic, "transfers": transfers}
            if atomic and not all(accepted):
                answer = folio.run(folio.client.post("/transfers/batch", json=body, headers=owner.paying()))
                first = accepted.index(False)
                assert (answer.json()["code"], answer.json()["index"]) == (expected[first], first)
                del self.transfers[len(self.transfers) - len(new) :]
                for account, (balance, version) in zip(self.accounts, before, strict=True):
                    account.balance, account.version = balance, version
                return
            items = self.post("/transfers/batch", body, owner, 201 if atomic else 200)["items"]
            outcomes = [None] * len(items) if atomic else [item.get("problem", {}).get("code") for item in items]
            assert outcomes == expected
            written = [item if atomic else item["transfer"] for item in items if atomic or item["status"] == 201]
            for transfer, item in zip(new, written, strict=True):
                transfer.id = item["id"]

        @rule(orders=st.lists(st.tuples(picks, picks, amounts), min_size=2, max_size=6))
        def gathered(self, orders: list[tuple[int, int, int]]) -> None:
            """Transfers of several callers that wait for one connection."""
            sends, expected = [], []
            for payer, payee, amount in orders:
                source, target = self.account(payer), self.account(payee)
                body = {"from_account_id": source.id, "to_account_id": target.id, "amount": amount}
                sends.append(folio.client.post("/transfers", json=body, headers=source.owner.paying()))
                expected.append(self.why_not(source, target, amount))
                if expected[-1] is None:
                    self.move(source, target, amount, 0)
            answers = [answer.json() for answer in folio.run(gathering.send(folio.app, *sends))]
            assert [answer.get("code") for answer in answers] == expected
            made = [answer["id"] for answer in answers if "code" not in answer]
            for transfer, transfer_id in zip(self.transfers[len(self.transfers) - len(made) :], made, strict=True):
                transfer.id = transfer_id

        @rule(payer=picks, payee=picks, amount=amounts)
        def hold(self, payer: int, payee: int, amount: int) -> None:
            source, target = self.account(payer), self.account(payee)
            body = {"from_account_id": source.id, "to_account_id": target.id, "amount": amount, "expires_in": 3600}
            code = self.why_not(source, target, amount)
            if code:
                self.refused("/holds", body, source.owner, code)
                return
            answer = self.post("/holds", body, source.owner, 201)
            source.held += amount
            self.holds.append(Hold(answer["id"], source, target, amount))

        def ended(self, hold: Hold, status: str) -> None:
            hold.status = status
            hold.payer.held -= hold.amount

        @precondition(lambda self: self.holds)
        @rule(pick=st.integers(0, 30), amount=st.none() | amounts)
        def capture(self, pick: int, amount: int | None) -> None:
            hold = self.holds[pick % len(self.holds)]
            path, body = f"/holds/{hold.id}/capture", {"amount": amount}
            captured_amount = amount or hold.amount
            if captured_amount > hold.amount:
                self.refused(path, body, hold.payee.owner, "validation_error")
            elif (code := self.frozen(hold.payer, hold.payee, hold.payee.owner)) is not None:
                self.refused(path, body, hold.payee.owner, code)
            elif hold.status != "active":
                code = "hold_expired" if hold.status == "expired" else "hold_not_active"
                self.refused(path, body, hold.payee.owner, code)
            else:
                captured = self.post(path, body, hold.payee.owner, 200)
                assert (captured["status"], captured["captured_amount"]) == ("captured", captured_amount)
                self.ended(hold, "captured")
                self.move(hold.payer, hold.payee, captured_amount, captured["transfer_id"])

        @precondition(lambda self: self.holds)
        @rule(pick=st.integers(0, 30))
        def release(self, pick: int) -> None:
            hold = self.holds[pick % len(self.holds)]
            path = f"/holds/{hold.id}/release"
            if hold.status == "active":
                assert self.post(path, {}, hold.payee.owner, 200)["status"] == "released"
                self.ended(hold, "released")
            else:
                code = "hold_expired" if hold.status == "expired" else "hold_not_active"
                self.refused(path, {}, hold.payee.owner, code)

        @precondition(lambda self: any(hold.status == "active" for hold in self.holds))
        @rule(pick=st.integers(0, 30))
        def expire(self, pick: int) -> None:
            active = [hold for hold in self.holds if hold.status == "active"]
            hold = active[pick % len(active)]
            overdue = "UPDATE holds SET expires_at = clock_timestamp() WHERE id = %s"
            folio.run(folio.world.connection.execute(overdue, (hold.id,)))
            self.ended(hold, "expired")
            hold.payer.overdue += hold.amount

        @rule()
        def sweep(self) -> None:
            async def swept() -> None:
                async with service_of(folio.app).pools["main"].checkout() as checkout:
                    await unit_of_work.run(checkout, ledger.sweep)

            folio.run(swept())
            for account in self.accounts:
                account.overdue = 0

        @precondition(lambda self: self.transfers)
        @rule(pick=st.integers(0, 60), part=st.none() | amounts)
        def reverse(self, pick: int, part: int | None) -> None:
            transfer = self.transfers[pick % len(self.transfers)]
            path, owner = f"/transfers/{transfer.id}/reversal", transfer.payee.owner
            left = transfer.amount - transfer.reversed
            amount = left if part is None else part
            body = {} if part is None else {"amount": part}
            code = self.why_not(transfer.payee, transfer.payer, amount)
            if code not in {"account_frozen", "account_unavailable"} and (not left or amount > left):
                code = "exceeds_reversible" if left else "already_reversed"
            if code:
                self.refused(path, body, owner, code)
                return
            reversal = self.post(path, body, owner, 201)
            assert (reversal["reverses_id"], reversal["amount"]) == (transfer.id, amount)
            transfer.reversed += amount
            self.move(transfer.payee, transfer.payer, amount, reversal["id"])

        @rule(pick=picks)
        def freeze_or_thaw(self, pick: int) -> None:
            account = self.account(pick)
            account.status = "frozen" if account.status == "open" else "open"
            change = folio.client.patch(
                f"/accounts/{account.id}", json={"status": account.status}, headers=folio.people[-1].headers
            )
            assert folio.run(change).status_code == 200

        @invariant()
        def the_database_is_where_the_model_is(self) -> None:
            async def read() -> list[tuple[Any, ...]]:
                cursor = await folio.world.connection.execute(
                    "SELECT balance, held, version, status FROM accounts WHERE id = ANY(%s) ORDER BY id",
                    ([account.id for account in self.accounts],),
                )
                return await cursor.fetchall()

            for account, (balance, held, version, status) in zip(self.accounts, folio.run(read()), strict=True):
                assert (balance, version, status) == (account.balance, account.version, account.status)
                assert account.held <= held <= account.held + account.overdue
                if account.overdue and held < account.held + account.overdue:
                    account.overdue = held - account.held

    return Ledger


def test_the_ledger_and_its_model_agree(application: FastAPI, databases: dict[str, str]) -> None:
    """Transfers, holds, captures, releases, expiry, reversals, batches and freezing; the audit is clean afterwards."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        service_of(application).settings = service_of(application).settings.model_copy(
            update={"sweep_interval": 3600, "key_cache_seconds": 3600.0}
        )
        lifespan = application.router.lifespan_context(application)
        runner.run(lifespan.__aenter__())
        client = httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://folio", timeout=60)
        connection = runner.run(psycopg.AsyncConnection.connect(databases["main"], autocommit=True))
        try:
            world = World(connection)
            folio = Running(runner.run, client, world, application)
            folio.people = [runner.run(world.person("ada")), runner.run(world.person("root", role="operator"))]
            for person in folio.people:  # while the pool is jammed, no key can be looked up
                assert runner.run(client.get("/users/me", headers=person.headers)).status_code == 200
            run_state_machine_as_test(
                machine(folio),
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    database=None,
                    derandomize=True,
                    suppress_health_check=list(HealthCheck),
                ),
            )
            audit = runner.run(client.post("/ops/audit", headers=folio.people[-1].headers)).json()
            assert audit["ok"], audit
            assert runner.run(world.value("SELECT count(*) FROM transfers")) > EXAMPLES * 5
        finally:
            runner.run(connection.close())
            runner.run(client.aclose())
            runner.run(lifespan.__aexit__(None, None, None))
