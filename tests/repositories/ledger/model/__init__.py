"""A model of the ledger: rules send requests and compare each answer with the model's, hypothesis chooses them.

state      accounts, holds, transfers and purchases of the model, and the application that it is compared with
machine    requests, refusals and movements of the model; the comparison after every rule
transfers  rules for transfers, batches, gathered transfers, reversals and references
holds      rules for holds, captures, releases and expiry
purchases  rules for purchases and refunds
"""

from tests.repositories.ledger.model.holds import HoldRules
from tests.repositories.ledger.model.purchases import PurchaseRules
from tests.repositories.ledger.model.state import Running
from tests.repositories.ledger.model.transfers import TransferRules

__all__ = ["Ledger", "Running"]


class Ledger(TransferRules, HoldRules, PurchaseRules):
    """All rules."""
