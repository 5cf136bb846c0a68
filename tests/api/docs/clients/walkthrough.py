"""The README's walkthrough by a client that openapi-python-client generated: `walkthrough.py ADDRESS OPERATOR_KEY`."""

import sys
from http import HTTPStatus
from typing import TypeVar

from folio_client import AuthenticatedClient, Client
from folio_client.api.accounts import create_account, get_account, list_entries, update_account
from folio_client.api.holds import capture_hold, create_hold
from folio_client.api.operations import run_audit
from folio_client.api.posts import create_post, list_posts
from folio_client.api.products import create_product, list_products
from folio_client.api.purchases import create_purchase, list_purchases, refund_purchase
from folio_client.api.transfers import create_batch, create_reversal, create_transfer
from folio_client.api.users import get_me, register_user
from folio_client.models import (
    Account,
    AccountChange,
    Audit,
    Batch,
    Capture,
    EntryPage,
    Hold,
    NewAccount,
    NewBatch,
    NewHold,
    NewPost,
    NewProduct,
    NewPurchase,
    NewTransfer,
    NewUser,
    Post,
    PostPage,
    ProblemDetails,
    Product,
    ProductPage,
    Purchase,
    PurchasePage,
    Registered,
    Transfer,
    User,
)
from folio_client.types import Response

Shown = TypeVar("Shown")


def expect(kind: type[Shown], answer: object) -> Shown:
    """Return an answer of this kind; fail on any other."""
    if not isinstance(answer, kind):
        raise TypeError(f"{kind.__name__} expected: {answer}")
    return answer


def refused(response: Response[Shown | ProblemDetails], code: str) -> ProblemDetails:
    """Return the problem of a refused request."""
    problem = expect(ProblemDetails, response.parsed)
    assert (problem.code, response.headers["X-Request-Id"]) == (code, problem.request_id), problem
    return problem


def register(address: str, name: str) -> AuthenticatedClient:
    """Register a user; return the client with the user's first key."""
    new = NewUser(username=name, email=f"{name}@example.com")
    user = expect(Registered, register_user.sync(client=Client(address), body=new))
    return AuthenticatedClient(address, user.api_key)


def open_account(client: AuthenticatedClient, name: str) -> int:
    """Open an account; return its id."""
    return expect(Account, create_account.sync(client=client, body=NewAccount(name=name, currency="EUR"))).id


def pay_and_publish(address: str, operator_key: str) -> None:
    """Take every step of the walkthrough."""
    ada, bob, bank = register(address, "ada"), register(address, "bob"), AuthenticatedClient(address, operator_key)
    me = get_me.sync_detailed(client=ada)
    assert expect(User, me.parsed).username == "ada"
    assert me.headers["ETag"]

    adas, bobs, world = open_account(ada, "Everyday"), open_account(bob, "Everyday"), open_account(bank, "Outside")
    unlimited = expect(Account, update_account.sync(world, client=bank, body=AccountChange(minimum=None)))
    assert unlimited.minimum is None

    pay_in = NewTransfer(from_account_id=world, to_account_id=adas, amount=10_000, description="Pay-in")
    expect(Transfer, create_transfer.sync(client=bank, body=pay_in, idempotency_key="pay-in-1"))
    lunch = NewTransfer(from_account_id=adas, to_account_id=bobs, amount=1_250, description="Lunch")
    first = create_transfer.sync_detailed(client=ada, body=lunch, idempotency_key="lunch-1")
    again = create_transfer.sync_detailed(client=ada, body=lunch, idempotency_key="lunch-1")
    paid = expect(Transfer, first.parsed)
    assert first.headers["Location"] == f"/transfers/{paid.id}"
    assert (again.parsed, again.headers["Idempotency-Replayed"]) == (paid, "true")
    back = NewTransfer(from_account_id=bobs, to_account_id=adas, amount=2_000)
    short = refused(
        create_transfer.sync_detailed(client=bob, body=back, idempotency_key="back-1"), "insufficient_funds"
    )
    assert (short.status, short["available"], short["shortfall"]) == (HTTPStatus.UNPROCESSABLE_ENTITY, 1_250, 750)

    bicycle = NewHold(from_account_id=adas, to_account_id=bobs, amount=5_000, expires_in=3_600)
    hold = expect(Hold, create_hold.sync(client=ada, body=bicycle, idempotency_key="bicycle-1"))
    assert expect(Account, get_account.sync(adas, client=ada)).available == 3_750
    part = capture_hold.sync(hold.id, client=bob, body=Capture(amount=3_000), idempotency_key="bicycle-2")
    assert expect(Hold, part).captured_amount == 3_000
    reversal = expect(Transfer, create_reversal.sync(paid.id, client=bob, idempotency_key="lunch-2"))
    assert reversal.reverses_id == paid.id
    interest = [NewTransfer(from_account_id=world, to_account_id=account, amount=5) for account in (adas, bobs)]
    batch = create_batch.sync(client=bank, body=NewBatch(transfers=interest), idempotency_key="interest-1")
    assert len(expect(Batch, batch).items) == len(interest)

    page = expect(EntryPage, list_entries.sync(adas, client=ada, limit=1))
    assert page.items[0].balance_after == 7_005
    assert page.next_cursor is not None
    rest = expect(EntryPage, list_entries.sync(adas, client=ada, cursor=page.next_cursor))
    assert [entry.version for entry in rest.items] == [4, 3, 2, 1]
    assert expect(Audit, run_audit.sync(client=bank)).ok

    text = NewPost(title="Lunch", content="Ada paid. A folio is a page of a ledger.")
    post = expect(Post, create_post.sync(client=bob, body=text))
    assert [found.id for found in expect(PostPage, list_posts.sync(client=Client(address), q="ledger")).items] == [
        post.id
    ]

    notebook = NewProduct(name="Notebook", price=700, currency="EUR", stock=3, account_id=bobs)
    product = expect(Product, create_product.sync(client=bob, body=notebook))
    two = NewPurchase(product_id=product.id, quantity=2, account_id=adas)
    bought = expect(Purchase, create_purchase.sync(client=ada, body=two, idempotency_key="notebooks-1"))
    refused(create_purchase.sync_detailed(client=ada, body=two, idempotency_key="notebooks-2"), "out_of_stock")
    expect(Purchase, refund_purchase.sync(bought.id, client=bob, idempotency_key="notebooks-3"))
    products = expect(ProductPage, list_products.sync(client=Client(address), q="notebook"))
    assert [found.stock for found in products.items] == [3]
    purchases = expect(PurchasePage, list_purchases.sync(client=ada))
    assert [purchase.status for purchase in purchases.items] == ["rejected", "refunded"]


if __name__ == "__main__":
    pay_and_publish(*sys.argv[1:3])
    print("completed")  # noqa: T201
