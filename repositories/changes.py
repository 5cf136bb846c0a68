"""Changes: the record of owner, minimum and status of accounts, of keys issued and revoked for others, and of roles."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from repositories.postgres.keyset import Keyset
from repositories.postgres.statements import Connection, statement

INSERT = statement("main/changes/insert")
LIST = statement("main/changes/list")
LIST_BY_ACCOUNT = statement("main/changes/list_by_account")
LIST_BY_USER = statement("main/changes/list_by_user")

Kind = Literal["account_recorded", "account_opened", "account_changed", "key_issued", "key_revoked", "role_changed"]
State = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """An account, or a user whose role or key is changed, with the members that change."""

    before: State | None
    after: State | None
    account_id: int | None = None
    user_id: int | None = None
    api_key_id: int | None = None


@dataclass(frozen=True)
class Change:
    """A row of the record. `changed_by` is None if no request made the change."""

    id: int
    at: datetime
    changed_by: int | None
    kind: Kind
    account_id: int | None
    user_id: int | None
    api_key_id: int | None
    before: State | None
    after: State | None


class ChangeRepository:
    """The record of changes of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, kind: Kind, subjects: Sequence[Subject], *, changed_by: int | None) -> None:
        """Record changes of one kind before they are made, under the locks of their accounts or users.

        `changed_by` is the user who makes them; None means the command line.
        """
        if not subjects:
            return
        await INSERT.run(
            self._connection,
            changed_by=changed_by,
            kind=kind,
            account_ids=[subject.account_id for subject in subjects],
            user_ids=[subject.user_id for subject in subjects],
            api_key_ids=[subject.api_key_id for subject in subjects],
            befores=[subject.before and json.dumps(subject.before) for subject in subjects],
            afters=[subject.after and json.dumps(subject.after) for subject in subjects],
        )

    async def list(self, *, account_id: int | None, user_id: int | None, page: Keyset) -> list[Change]:
        """Return the changes of an account, of a user's keys and role, or all, newest first."""
        arguments = page.arguments()
        if account_id is not None:
            return await LIST_BY_ACCOUNT.all(
                self._connection, Change, account_id=account_id, user_id=user_id, **arguments
            )
        if user_id is not None:
            return await LIST_BY_USER.all(self._connection, Change, user_id=user_id, **arguments)
        return await LIST.all(self._connection, Change, **arguments)
