"""Posts over HTTP: public to read, changed by their authors only."""

from dataclasses import replace

from fastapi import APIRouter, Response
from pydantic import Field

from api.http import idempotency, problems
from api.http.dependencies import Main, Posts, Writer, unauthorized
from api.http.etags import UNCHANGED, Match, NoneMatch, etag
from api.http.json_bodies import JsonRoute
from api.http.pages import Page, PageOf, by_time
from api.http.problems import Problem, answers
from api.http.types import Body, Change, Id, Line, OfUser, PathId, Representation, Text, Time, Words
from repositories.api_keys import Caller
from repositories.postgres import unit_of_work as units
from repositories.postgres.statements import Connection
from repositories.posts import Post as PostRow
from repositories.posts import PostRepository

router = APIRouter(tags=["posts"], route_class=JsonRoute)


class NewPost(Body):
    """A post to be written."""

    title: Line
    content: Text

    model_config = {
        "json_schema_extra": {"examples": [{"title": "Folios", "content": "A folio is a leaf of a manuscript."}]}
    }


class PostChange(Change):
    """What an author changes; what is left out stays."""

    title: Line = Field(default_factory=str)
    content: Text = Field(default_factory=str)

    model_config = {"json_schema_extra": {"examples": [{"title": "On folios"}]}}


class Author(Representation):
    """Who wrote a post."""

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


def _show(row: PostRow) -> Post:
    fields = {name: value for name, value in vars(row).items() if not name.startswith("author_")}
    return Post(author=Author(id=row.author_id, username=row.author_username), **fields)


@router.post(
    "/posts",
    status_code=201,
    summary="Write a post",
    responses=answers("idempotency_key_reused", *problems.BODY, *problems.WRITES),
)
async def create_post(new: NewPost, caller: Writer, main: Main, response: Response, key: idempotency.Optional) -> Post:
    """Write a post."""

    async def make(connection: Connection, _: None) -> Post:
        row = await PostRepository(connection).insert(author_id=caller.user_id, title=new.title, content=new.content)
        if row is None:
            raise unauthorized("The API key is revoked.")
        return _show(row)

    post = await idempotency.once(
        main, response, key=key.key(caller, new), memory=idempotency.AsAnswered("post", Post), make=make
    )
    response.headers["Location"] = f"/posts/{post.id}"
    response.headers["ETag"] = etag(post.version)
    return post


@router.get("/posts", summary="List posts", responses=answers(*problems.READS))
async def list_posts(
    posts: Posts,
    page: PageOf,
    author_id: OfUser = None,
    q: Words = None,
) -> Page[Post]:
    """List posts, newest first: all, of one author, or with the words of a query."""
    rows = await posts.list(author_id=author_id, query=q, before=page.position(), limit=page.rows)
    return page.answer(rows, _show, by_time)


@router.get(
    "/posts/{id}",
    summary="Read a post",
    responses=UNCHANGED | answers("post_not_found", *problems.READS),
    response_model=Post,
)
async def get_post(id: PathId, posts: Posts, response: Response, have: NoneMatch) -> Post | Response:
    """Read a post."""
    row = _found(await posts.get(id=id))
    response.headers["ETag"] = etag(row.version)
    return have.unchanged(row.version, response) or _show(row)


@router.patch(
    "/posts/{id}",
    summary="Change a post",
    responses=answers(
        "post_not_found", "not_owner", "precondition_required", "precondition_failed", *problems.BODY, *problems.WRITES
    ),
)
async def update_post(
    id: PathId, change: PostChange, caller: Writer, main: Main, response: Response, match: Match
) -> Post:
    """Change a post of yours."""

    async def work(connection: Connection) -> Post:
        posts = PostRepository(connection)
        row = await _lock(posts, id, caller, match)
        changed = replace(row, **change.asked())
        if changed == row:
            return _show(row)
        edition = await posts.update(id=id, title=changed.title, content=changed.content)
        return _show(replace(changed, **vars(edition)))

    post = await units.run(main, work)
    response.headers["ETag"] = etag(post.version)
    return post


@router.delete(
    "/posts/{id}",
    status_code=204,
    summary="Delete a post",
    responses=answers("post_not_found", "not_owner", "precondition_required", "precondition_failed", *problems.WRITES),
)
async def delete_post(id: PathId, caller: Writer, main: Main, match: Match) -> None:
    """Delete a post of yours."""

    async def work(connection: Connection) -> None:
        posts = PostRepository(connection)
        await _lock(posts, id, caller, match)
        await posts.delete(id=id)

    await units.run(main, work)


async def _lock(posts: PostRepository, id: int, caller: Caller, match: Match) -> PostRow:
    """Lock a post that the caller may change at the version that they named: first whose, then which."""
    row = _found(await posts.lock(id=id))
    if row.author_id != caller.user_id:
        raise Problem("not_owner", "Only its author may change a post.")
    match.check(row.version)
    return row


def _found(row: PostRow | None) -> PostRow:
    if row is None:
        raise Problem("post_not_found", "There is no such post.")
    return row
