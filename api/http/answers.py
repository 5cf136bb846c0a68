"""Answers: a representation with its status and headers, serialized once; and the problem of a refusal."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from api.http.problems import Problem, invalid
from repositories.api_keys import Caller, Owned
from repositories.ledger.keys import Outcome, StoredAnswer
from repositories.refusals import Refusal

Result = TypeVar("Result")
Row = TypeVar("Row", bound=Owned)


NO_STORE = {"Cache-Control": "no-store"}
"""Header of an answer that shows an API key, and of a page that asks for one."""


def etag(tag: str) -> str:
    """Return the header of a strong ETag."""
    return f'"{tag}"'


def answer(
    shown: BaseModel | Mapping[str, Any],
    *,
    status: int = 200,
    location: str | None = None,
    tag: str | None = None,
    replayed: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with a representation, or with the JSON value of a stored answer.

    `location` and `tag` become `Location` and `ETag`; `replayed` says that an earlier request was answered with it.
    """
    fields = dict(headers or {})
    if location is not None:
        fields["Location"] = location
    if tag is not None:
        fields["ETag"] = etag(tag)
    if replayed:
        fields["Idempotency-Replayed"] = "true"
    if isinstance(shown, BaseModel):
        return Response(shown.model_dump_json(), status, fields, "application/json")
    return JSONResponse(shown, status, fields)


def keyed_answer(
    outcome: Outcome[Result],
    show: Callable[[Result], BaseModel],
    *,
    status: int = 201,
    location: str | None = None,
    tag: Callable[[Mapping[str, Any]], str] | None = None,
) -> Response:
    """Answer with the outcome of a keyed unit of work; raise the problem of a refusal.

    `location` is a template of the resource's path, such as "/holds/{id}"; `tag` returns the ETag of
    the answer's members.
    """
    if isinstance(outcome.result, Refusal):
        raise refused(outcome.result, replayed=outcome.replayed)
    shown = outcome.result.body if isinstance(outcome.result, StoredAnswer) else show(outcome.result)
    members = shown if isinstance(shown, Mapping) else vars(shown)
    return answer(
        shown,
        status=status,
        location=None if location is None else location.format(id=members["id"]),
        tag=None if tag is None else tag(members),
        replayed=outcome.replayed,
    )


def keyed_text(outcome: Outcome[str], *, status: int) -> Response:
    """Answer with the outcome of a keyed unit of work that is JSON text; raise the problem of a refusal."""
    if isinstance(outcome.result, Refusal):
        raise refused(outcome.result, replayed=outcome.replayed)
    if isinstance(outcome.result, StoredAnswer):
        return answer(outcome.result.body, status=status, replayed=outcome.replayed)
    return Response(outcome.result, status, media_type="application/json")


def accepted(result: Result | Refusal) -> Result:
    """Return a result; raise the problem of a refusal."""
    if isinstance(result, Refusal):
        raise refused(result)
    return result


def refused(refusal: Refusal, *, replayed: bool = False) -> Exception:
    """Return the problem of a refusal."""
    if refusal.location is not None and refusal.kind is not None:
        return invalid(refusal.location, refusal.detail, refusal.kind)
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    if refusal.tag is not None:
        headers["ETag"] = etag(refusal.tag)
    if refusal.code == "unauthorized":
        headers["WWW-Authenticate"] = "Bearer"
    members = refusal.members()
    return Problem(members.pop("code"), members.pop("detail"), headers=headers, **members)


def found(row: Result | None, noun: str, id: int) -> Result:
    """Return a row that everybody may see; raise the 404 of its noun if there is none."""
    if row is None:
        raise Problem(f"{noun}_not_found", f"There is no {noun.replace('_', ' ')} {id}.")
    return row


def visible(row: Row | None, noun: str, id: int, caller: Caller) -> Row:
    """Return a row that the caller may see. A row of somebody else gets the same 404 as no row."""
    return found(row if row is not None and caller.may_see(row) else None, noun, id)
