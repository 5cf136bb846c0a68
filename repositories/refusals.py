"""Refusals: the reasons for which the ledger declines a request."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Refusal:
    """Why something was refused; `index` is its place in a batch."""

    code: str
    detail: str
    available: int | None = None
    shortfall: int | None = None
    index: int | None = None
    request_id: str | None = None
    """The request for which it was decided, where this is a repeat."""

    @property
    def decided(self) -> bool:
        """Whether the key may not be tried again: what is not there, or not theirs to do, was never decided."""
        return self.code != "not_owner" and not self.code.endswith("_not_found")

    def members(self) -> dict[str, Any]:
        """Return what there is to say."""
        return {name: value for name, value in vars(self).items() if value is not None}
