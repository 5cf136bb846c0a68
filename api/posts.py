"""Posts over HTTP: public to read, changed by their authors only."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from api.http import problems
from api.http.answers import accepted, answer, found, keyed_answer
from api.http.authentication import Writer
from api.http.dependencies import CurrentService, Main, Posts
from api.http.etags import UNCHANGED, Match, NoneMatch
from api.http.idempotency import OptionalKey
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import answers
from api.http.searches import Search
from api.http.types import Body, Change, Id, Line, OfUser, PathId, Representation, Text, Time
from repositories.ledger.keys import insert_keyed, run_keyed
from repositories.postgres import unit_of_work
from repositories.posts import Post as PostRow
from repositories.posts import PostRepository, tag
from repositories.refusals import quota_reached

router = APIRouter(tags=["posts"], route_class=JsonRoute)


class NewPost(Body):
    """A post to write."""

    title: Line
    content: Text

    model_config = {
        "json_schema_extra": {"examples": [{"title": "Folios", "content": "A folio is a leaf of a manuscript."}]}
    }


class PostChange(Change):
    """The members to change."""

    title: Line = Field(default_factory=str)
    content: Text = Field(default_factory=str)

    model_config = {"json_schema_extra": {"examples": [{"title": "On folios"}]}}


class Author(Representation):
    """The author of a post."""

    id: Id
    username: str


class Post(Representation):
    """A post."""

    id: Id
    author: Author
    title: str
    content: str
    version: int
    created_at: Time
    updated_at: Time


@router.post(
    "/posts",
    status_code=201,
    summary="Write a post",
    responses=answers("quota_reached", "idempotency_key_reused", *problems.BODY, *problems.WRITES),
    response_model=Post,
)
async def create_post(new: NewPost, caller: Writer, main: Main, key: OptionalKey, service: CurrentService) -> Response:
    """Write a post."""
    quota = service.settings.posts_per_user
    create = partial(
        insert_keyed,
        user_id=caller.user_id,
        key=key,
        kind="post",
        insert=lambda connection: PostRepository(connection).insert(
            author_id=caller.user_id, quota=quota, **new.model_dump()
        ),
        no_room=quota_reached("posts", quota),
        to_answer=_to_answer,
    )
    return keyed_answer(await run_keyed(main, create, key=key), _show, location="/posts/{id}", tag=_tag)


@router.get("/posts", summary="List posts", responses=answers(*problems.READS), response_model=Page[Post])
async def list_posts(q: Search, posts: Posts, page: PageOf, author_id: OfUser = None) -> Response:
    """List posts, newest first: all, of one author, or with the words of a query."""
    rows = await posts.list(author_id=author_id, query=q, page=page.keyset())
    return await page.answer(rows, _show, by_time)


@router.get(
    "/posts/{id}",
    summary="Read a post",
    responses=UNCHANGED | answers("post_not_found", *problems.READS),
    response_model=Post,
)
async def get_post(id: PathId, posts: Posts, known: NoneMatch) -> Response:
    """Read a post."""
    row = found(await posts.get(id=id), "post", id)
    return known.answer(_show(row), row.tag)


@router.patch(
    "/posts/{id}",
    summary="Change a post",
    responses=answers(
        "post_not_found", "not_owner", "precondition_required", "precondition_failed", *problems.BODY, *problems.WRITES
    ),
    response_model=Post,
)
async def update_post(id: PathId, change: PostChange, caller: Writer, main: Main, match: Match) -> Response:
    """Change a post of yours."""
    row = accepted(
        await unit_of_work.run(
            main,
            lambda connection: PostRepository(connection).change(
                id=id, author_id=caller.user_id, changes=change.members(), precondition=match
            ),
        )
    )
    return answer(_show(row), tag=row.tag)


@router.delete(
    "/posts/{id}",
    status_code=204,
    summary="Delete a post",
    responses=answers("post_not_found", "not_owner", "precondition_required", "precondition_failed", *problems.WRITES),
)
async def delete_post(id: PathId, caller: Writer, main: Main, match: Match) -> None:
    """Delete a post of yours."""
    accepted(
        await unit_of_work.run(
            main,
            lambda connection: PostRepository(connection).delete(id=id, author_id=caller.user_id, precondition=match),
        )
    )


def _show(row: PostRow) -> Post:
    fields = {name: value for name, value in vars(row).items() if not name.startswith("author_")}
    return Post(author=Author(id=row.author_id, username=row.author_username), **fields)


def _to_answer(row: PostRow) -> dict[str, Any]:
    """Store no text: a repeat shows the post as it is then. An older release answers a repeat with these members."""
    return {"id": row.id, "version": row.version}


def _tag(members: Mapping[str, Any]) -> str:
    """Return the ETag of a post as it is answered."""
    return tag(members["version"], members["author"].username)
