"""Requests, refusals and movements of the model, and its comparison with the database."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.harness.world import Person, a_product
from tests.repositories.ledger.model.state import Account, Hold, Purchase, Reference, Running, Transfer

PRICE = 20
STOCK = 30

amounts = st.integers(1, 120)
picks = st.integers(0, 5)
references = st.sampled_from((None, "rent", "fee"))


class Machine(RuleBasedStateMachine):
    """Rules are requests; each compares its answer with the model's, and the invariant compares all accounts."""

    def __init__(self, folio: Running) -> None:
        super().__init__()
        self.folio = folio
        self.accounts: list[Account] = []
        self.holds: list[Hold] = []
        self.transfers: list[Transfer] = []
        self.purchases: list[Purchase] = []
        self.stock = STOCK

    # Requests

    def send(self, path: str, body: object, who: Person) -> Any:
        return self.folio.run(self.folio.client.post(path, json=body, headers=who.paying()))

    def post(self, path: str, body: object, who: Person, status: int) -> Any:
        answer = self.send(path, body, who)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json()

    def refused(self, path: str, body: object, who: Person, code: str) -> dict[str, Any]:
        answer = self.send(path, body, who)
        problem: dict[str, Any] = answer.json()
        assert problem.get("code") == code, (code, answer.text)
        return problem

    def order(self, payer: Account, payee: Account, amount: int, reference: Reference | None) -> dict[str, Any]:
        body = {"from_account_id": payer.id, "to_account_id": payee.id, "amount": amount}
        return body | {"reference": None if reference is None else reference.text}

    def account(self, pick: int) -> Account:
        return self.accounts[pick % len(self.accounts)]

    def reference(self, name: str | None, writer: Person) -> Reference | None:
        """Return a reference that no other run of the machine writes."""
        return None if name is None else Reference(f"{name} {self.accounts[0].id}", writer)

    # The model

    def frozen(self, payer: Account, payee: Account, caller: Person) -> str | None:
        """Return the code for a frozen account: which of them it is, is told of the caller's own only."""
        owners = [account.owner for account in (payer, payee) if account.status == "frozen"]
        return ("account_frozen" if caller in owners else "account_unavailable") if owners else None

    def why_not(self, payer: Account, payee: Account, amount: int, conflict: str | None = None) -> str | None:
        """Return the code of the refusal of a payment that the payer's owner orders, or None."""
        if payer is payee:
            return "same_account"
        if (code := self.frozen(payer, payee, payer.owner) or conflict) is not None:
            return code
        if payer.minimum is not None and payer.balance - payer.held - amount < payer.minimum:
            return "insufficient_funds"
        return None

    def move(
        self, payer: Account, payee: Account, amount: int, id: int = 0, reference: Reference | None = None
    ) -> Transfer:
        for side, signed in ((payer, -amount), (payee, amount)):
            side.balance += signed
            side.version += 1
        self.transfers.append(Transfer(id, payer, payee, amount, reference))
        return self.transfers[-1]

    def give_back(self, transfer: Transfer, amount: int, id: int) -> Transfer:
        """Move a part of a transfer back; the reference is inherited."""
        transfer.reversed += amount
        return self.move(transfer.payee, transfer.payer, amount, id, transfer.reference)

    # Rules

    @initialize()
    def begin(self) -> None:
        folio = self.folio
        for owner, minimum in zip(folio.people * 2, (None, 0, 0, -50), strict=True):
            self.accounts.append(Account(folio.run(folio.world.account(owner, minimum=minimum)), owner, minimum))
        for payee in self.accounts[1:]:
            body = self.order(self.accounts[0], payee, 200, None)
            made = self.post("/transfers", body, self.accounts[0].owner, 201)
            self.move(self.accounts[0], payee, 200, made["id"])
        self.till = self.accounts[2]
        product = a_product(folio.catalog, self.till.owner, self.till.id, price=PRICE, stock=STOCK)
        self.product = folio.run(product)

    @rule(pick=picks)
    def freeze_or_thaw(self, pick: int) -> None:
        """Thaw the frozen account, or freeze one if there is none: with more, most payments would be refused."""
        account = next((account for account in self.accounts if account.status == "frozen"), self.account(pick))
        account.status = "frozen" if account.status == "open" else "open"
        change = self.folio.client.patch(
            f"/accounts/{account.id}", json={"status": account.status}, headers=self.folio.people[-1].headers
        )
        assert self.folio.run(change).status_code == 200

    @invariant()
    def the_databases_are_where_the_model_is(self) -> None:
        rows, stock = self.folio.run(self._read())
        for account, (balance, held, version, status) in zip(self.accounts, rows, strict=True):
            assert (balance, version, status) == (account.balance, account.version, account.status)
            assert account.held <= held <= account.held + account.overdue
            if account.overdue and held < account.held + account.overdue:
                account.overdue = held - account.held
        assert stock == [(self.stock,)]

    async def _read(self) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        accounts = await self.folio.world.connection.execute(
            "SELECT balance, held, version, status FROM accounts WHERE id = ANY(%s) ORDER BY id",
            ([account.id for account in self.accounts],),
        )
        products = await self.folio.catalog.execute("SELECT stock FROM products WHERE id = %s", (self.product,))
        return await accounts.fetchall(), await products.fetchall()
