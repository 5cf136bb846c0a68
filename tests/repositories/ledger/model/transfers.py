"""Rules for transfers: one, in a batch, gathered, reversed in parts, found by their reference."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.harness import gathering
from tests.harness.expect import pages
from tests.repositories.ledger.model.machine import Machine, amounts, picks, references
from tests.repositories.ledger.model.state import Transfer

orders = st.tuples(picks, picks, amounts, references)
Order = tuple[int, int, int, str | None]


class TransferRules(Machine):
    """Transfers and reversals."""

    @rule(payer=picks, payee=picks, amount=amounts, reference=references, stale=st.booleans())
    def transfer(self, payer: int, payee: int, amount: int, reference: str | None, stale: bool) -> None:
        source, target = self.account(payer), self.account(payee)
        written = self.reference(reference, source.owner)
        body = self.order(source, target, amount, written)
        code = self.why_not(source, target, amount)
        if stale and code in {None, "insufficient_funds"}:
            body["from_account_version"] = source.version + 1
            self.refused("/transfers", body, source.owner, "version_mismatch")
        elif code:
            self.refused("/transfers", body, source.owner, code)
        else:
            answer = self.post("/transfers", body | {"from_account_version": source.version}, source.owner, 201)
            self.move(source, target, amount, answer["id"], written)

    @rule(orders=st.lists(orders, min_size=1, max_size=6), atomic=st.booleans())
    def batch(self, orders: list[Order], atomic: bool) -> None:
        owner = self.account(orders[0][0]).owner
        before = [(account.balance, account.version) for account in self.accounts]
        transfers, expected = [], []
        for payer, payee, amount, reference in orders:
            source, target = self.account(payer), self.account(payee)
            written = self.reference(reference, owner)
            transfers.append(self.order(source, target, amount, written))
            code = "account_not_found" if source.owner != owner else self.why_not(source, target, amount)
            expected.append(code)
            if code is None:
                self.move(source, target, amount, reference=written)
        accepted = [code is None for code in expected]
        body = {"atomic": atomic, "transfers": transfers}
        if atomic and not all(accepted):
            problem = self.refused("/transfers/batch", body, owner, next(code for code in expected if code))
            assert problem["index"] == accepted.index(False)
            del self.transfers[len(self.transfers) - sum(accepted) :]
            for account, (balance, version) in zip(self.accounts, before, strict=True):
                account.balance, account.version = balance, version
            return
        items = self.post("/transfers/batch", body, owner, 201 if atomic else 200)["items"]
        outcomes = [None] * len(items) if atomic else [item.get("problem", {}).get("code") for item in items]
        assert outcomes == expected
        self.number([item if atomic else item["transfer"] for item in items if atomic or item["status"] == 201])

    @rule(orders=st.lists(orders, min_size=2, max_size=6))
    def gathered(self, orders: list[Order]) -> None:
        """Transfers of several callers that wait for one connection."""
        sends, expected = [], []
        for payer, payee, amount, reference in orders:
            source, target = self.account(payer), self.account(payee)
            written = self.reference(reference, source.owner)
            body = self.order(source, target, amount, written)
            sends.append(self.folio.client.post("/transfers", json=body, headers=source.owner.paying()))
            expected.append(self.why_not(source, target, amount))
            if expected[-1] is None:
                self.move(source, target, amount, reference=written)
        answers = [answer.json() for answer in self.folio.run(gathering.send(self.folio.app, *sends))]
        assert [answer.get("code") for answer in answers] == expected
        self.number([answer for answer in answers if "code" not in answer])

    def number(self, answers: list[dict[str, int]]) -> None:
        """Give the last transfers of the model the ids of their answers."""
        for transfer, answer in zip(self.transfers[len(self.transfers) - len(answers) :], answers, strict=True):
            transfer.id = answer["id"]

    @precondition(lambda self: self.transfers)
    @rule(pick=st.integers(0, 60), parts=st.lists(st.none() | amounts, min_size=1, max_size=3))
    def reverse(self, pick: int, parts: list[int | None]) -> None:
        """Reverse one part after the other."""
        transfer = self.transfers[pick % len(self.transfers)]
        for part in parts:
            self.reverse_part(transfer, part)

    def reverse_part(self, transfer: Transfer, part: int | None) -> None:
        path, owner = f"/transfers/{transfer.id}/reversal", transfer.payee.owner
        left = transfer.amount - transfer.reversed
        amount = part or left
        conflict = "exceeds_reversible" if amount > left else None
        if not left:
            conflict = "already_reversed"
        elif transfer.pays_purchase:
            conflict = "pays_purchase"
        body = {} if part is None else {"amount": part}
        if (code := self.why_not(transfer.payee, transfer.payer, amount, conflict)) is not None:
            problem = self.refused(path, body, owner, code)
            assert problem.get("reversible") == (left if code == "exceeds_reversible" else None)
            return
        reversal = self.post(path, body, owner, 201)
        assert (reversal["reverses_id"], reversal["amount"]) == (transfer.id, amount)
        self.give_back(transfer, amount, reversal["id"])

    @rule(name=references.filter(bool), operator=st.booleans())
    def find(self, name: str, operator: bool) -> None:
        """A member finds what they wrote, in whichever transfer it is inherited; an operator finds everything."""
        person = self.folio.people[-1 if operator else 0]
        reference = self.reference(name, person)
        assert reference is not None
        listed = self.folio.run(pages(self.folio.client, f"/transfers?limit=7&reference={reference.text}", person))
        expected = [
            (transfer.id, reference.text)
            for transfer in self.transfers
            if transfer.reference == reference
            or (operator and transfer.reference and transfer.reference.text == reference.text)
        ]
        assert sorted((item["id"], item["reference"]) for item in listed) == sorted(expected)
