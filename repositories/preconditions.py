"""Preconditions: the ETags of the representations that a change may be made to."""

from dataclasses import dataclass

from repositories.refusals import Refusal


@dataclass(frozen=True)
class Precondition:
    """The tags that the caller read: None if the request names none, `any_tag` if it names all."""

    tags: frozenset[str] | None
    any_tag: bool = False

    def refusal(self, tag: str, *, significant: str = "") -> Refusal | None:
        """Return None if the present tag is one of them; otherwise the refusal.

        If only a part of the tag matters for this change, `significant` is the part before the first hyphen.
        """
        if self.any_tag:
            return None
        if self.tags is None:
            return Refusal("precondition_required", "Send If-Match with the ETag that you read, or *.")
        if tag in self.tags or (significant and significant in {known.partition("-")[0] for known in self.tags}):
            return None
        return Refusal("precondition_failed", f'The resource has changed; its ETag is "{tag}".', tag=tag)
