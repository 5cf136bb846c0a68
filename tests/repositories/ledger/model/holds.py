"""Rules for holds: placed, captured in part, released, expired."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from api.process.service import service_of
from repositories.ledger import holds as ledger
from repositories.postgres import unit_of_work
from tests.repositories.ledger.model.machine import Machine, amounts, picks, references
from tests.repositories.ledger.model.state import Hold


class HoldRules(Machine):
    """Holds and their ends."""

    @rule(payer=picks, payee=picks, amount=amounts, reference=references)
    def hold(self, payer: int, payee: int, amount: int, reference: str | None) -> None:
        source, target = self.account(payer), self.account(payee)
        written = self.reference(reference, source.owner)
        body = self.order(source, target, amount, written) | {"expires_in": 3600}
        code = self.why_not(source, target, amount)
        if code:
            self.refused("/holds", body, source.owner, code)
            return
        answer = self.post("/holds", body, source.owner, 201)
        source.held += amount
        self.holds.append(Hold(answer["id"], source, target, amount, written))

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
            self.move(hold.payer, hold.payee, captured_amount, captured["transfer_id"], hold.reference)

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
        self.folio.run(self.folio.world.connection.execute(overdue, (hold.id,)))
        self.ended(hold, "expired")
        hold.payer.overdue += hold.amount

    @rule()
    def sweep(self) -> None:
        async def swept() -> None:
            async with service_of(self.folio.app).pools["main"].checkout() as checkout:
                await unit_of_work.run(checkout, ledger.sweep)

        self.folio.run(swept())
        for account in self.accounts:
            account.overdue = 0
