"""Refusals: the reasons for declining a request under the locks of its unit of work."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

UNSTORED = frozenset(
    {
        *("unauthorized", "not_owner", "operator_required", "quota_reached"),
        *("precondition_required", "precondition_failed", "validation_error"),
    }
)
"""Codes of refusals that depend on the caller or the request alone: like every `…_not_found`, they store no answer."""

FORMER_TYPE = "urn:folio:problem:{}"
"""The type of a stored problem that has none: releases before `/problems/{code}` answered it with this one."""
_NOT_SHOWN = frozenset({"tag", "location", "kind", "more"})


def problem_type(code: str) -> str:
    """Return the `type` of a problem: a relative reference to the documentation of its code."""
    return f"/problems/{code}"


@dataclass(frozen=True)
class Refusal:
    """The reason, as the code and detail of a problem, with the members that the code adds."""

    code: str
    detail: str
    available: int | None = None
    shortfall: int | None = None
    reversible: int | None = None
    """The amount that is left to reverse or refund."""
    reversible_quantity: int | None = None
    index: int | None = None
    """The place of the refused transfer in a batch."""
    request_id: str | None = None
    """The request that was refused first, if this is a replay."""
    type: str | None = None
    """The type that its answer had, if this is a replay."""
    tag: str | None = None
    """The present ETag of the resource, if a precondition failed."""
    location: tuple[str, ...] | None = None
    """The member of the request that is invalid, such as ("body", "amount"), for `validation_error`."""
    kind: str | None = None
    """The type of that error, such as "amount_exceeds_hold"."""
    more: Mapping[str, Any] | None = None
    """The members of a stored refusal that this release does not know: another release added or removed them."""

    @classmethod
    def stored_as(cls, members: Mapping[str, Any]) -> Self:
        """Return a refusal as it was stored, by any release."""
        known = {field.name for field in fields(cls)} - _NOT_SHOWN
        members = {"type": FORMER_TYPE.format(members["code"])} | dict(members)
        more = {name: value for name, value in members.items() if name not in known}
        return cls(**{name: value for name, value in members.items() if name in known}, more=more)

    @property
    def stored(self) -> bool:
        """True if the refusal is the final answer under its Idempotency-Key: a new attempt takes a new key."""
        return self.code not in UNSTORED and not self.code.endswith("_not_found")

    def members(self) -> dict[str, Any]:
        """Return the members that are set, by name."""
        members = {name: value for name, value in vars(self).items() if value is not None and name not in _NOT_SHOWN}
        return members | dict(self.more or {})


def quota_reached(nouns: str, quota: int) -> Refusal:
    """Return the refusal of one more row than a user may have; `nouns` names the rows, such as "posts"."""
    return Refusal("quota_reached", f"You have {quota:,} {nouns}, which is the most.")


USER_LEFT = Refusal("unauthorized", "The API key is revoked.")
"""The caller left after their key was looked up."""
