"""Preconditions: the versions of a resource that a change may be made to."""

from dataclasses import dataclass

from repositories.refusals import Refusal


@dataclass(frozen=True)
class Precondition:
    """The versions that the caller read: None if the request names none, `any_version` if it names all."""

    versions: frozenset[str] | None
    any_version: bool = False

    def refusal(self, version: int) -> Refusal | None:
        """Return None if the present version is one of them; otherwise the refusal."""
        if self.any_version:
            return None
        if self.versions is None:
            return Refusal("precondition_required", "Send If-Match with the ETag that you read, or *.")
        if str(version) in self.versions:
            return None
        return Refusal("precondition_failed", f"The resource is at version {version}.", version=version)
