"""Rules for purchases and their refunds, by quantity, by amount, or of all that is left."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.harness.expect import found
from tests.repositories.ledger.model.machine import PRICE, Machine, picks, references
from tests.repositories.ledger.model.state import Purchase

quantities = st.integers(1, 4)
Part = tuple[str, int] | None
parts = st.none() | st.tuples(st.just("quantity"), quantities) | st.tuples(st.just("amount"), st.integers(1, 3 * PRICE))


class PurchaseRules(Machine):
    """Purchases of one product and their refunds."""

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.buy(3, 4, "rent")

    @rule(payer=picks, quantity=quantities, reference=references)
    def buy(self, payer: int, quantity: int, reference: str | None) -> None:
        source, amount = self.account(payer), quantity * PRICE
        written = self.reference(reference, source.owner)
        body = {"product_id": self.product, "quantity": quantity, "account_id": source.id}
        body |= {} if written is None else {"reference": written.text}
        code = self.why_not(source, self.till, amount)
        if code is None and quantity > self.stock:
            code = "out_of_stock"
        if code is not None:
            self.refused("/purchases", body, source.owner, code)
            return
        bought = self.post("/purchases", body, source.owner, 201)
        assert (bought["status"], bought["amount"]) == ("completed", amount)
        payment = self.move(source, self.till, amount, bought["transfer_id"], written)
        payment.pays_purchase = True
        self.stock -= quantity
        self.purchases.append(Purchase(bought["id"], payment, quantity))

    @precondition(lambda self: self.purchases)
    @rule(pick=st.integers(0, 30), parts=st.lists(parts, min_size=1, max_size=3))
    def refund(self, pick: int, parts: list[Part]) -> None:
        """Refund one part after the other."""
        purchase = self.purchases[pick % len(self.purchases)]
        for part in parts:
            self.refund_part(purchase, part)

    def refund_part(self, purchase: Purchase, part: Part) -> None:
        payment = purchase.payment
        left, left_quantity = payment.amount - payment.reversed, purchase.quantity - purchase.returned
        amount, quantity = left, left_quantity
        if part is not None:
            amount, quantity = (part[1] * PRICE, part[1]) if part[0] == "quantity" else (part[1], 0)
        conflict = "exceeds_reversible" if amount > left or quantity > left_quantity else None
        if not left:
            conflict = "already_refunded"
        path, body = f"/purchases/{purchase.id}/refund", dict([part] if part else [])
        if (code := self.why_not(self.till, payment.payer, amount, conflict)) is not None:
            problem = self.refused(path, body, self.till.owner, code)
            if code == "exceeds_reversible":
                assert (problem["reversible"], problem["reversible_quantity"]) == (left, left_quantity)
            return
        refunded = self.post(path, body, self.till.owner, 201)
        self.give_back(payment, amount, self._transfer_of(payment.id)).pays_purchase = True
        purchase.returned += quantity
        self.stock += quantity
        status = "refunded" if payment.reversed == payment.amount else "completed"
        shown = (refunded["status"], refunded["refunded_amount"], refunded["refunded_quantity"])
        assert shown == (status, payment.reversed, purchase.returned)

    def _transfer_of(self, payment_id: int) -> int:
        """Return the id of the last refund."""
        listed = found(
            self.folio.run(self.folio.client.get("/transfers?limit=1", headers=self.folio.people[-1].headers))
        )
        [refund] = listed["items"]
        assert refund["reverses_id"] == payment_id
        return int(refund["id"])
