"""References and metadata: kept as written, inherited, found again, and shown to their writer and operators alone."""

import csv
import io
from typing import Any

import httpx
import pytest

from tests.harness.expect import contents, found, pages, problem
from tests.harness.payments import hold_order, order
from tests.harness.shop import Shop
from tests.harness.world import Person, World

pytestmark = pytest.mark.full_pool

NOTES: dict[str, Any] = {"reference": "invoice-17", "metadata": {"z": "26", "a": "ünï", "b": ""}}
NONE = {"reference": None, "metadata": None}


class Payment:
    """Carol pays Dave; Chief is an operator."""

    def __init__(self, client: httpx.AsyncClient, world: World) -> None:
        self.client = client
        self.world = world

    async def open(self) -> "Payment":
        self.carol, self.dave = await self.world.person("carol"), await self.world.person("dave")
        self.chief = await self.world.person("chief", role="operator")
        self.payer = await self.world.account(self.carol, minimum=None)
        self.payee = await self.world.account(self.dave, minimum=None)
        return self

    async def post(self, path: str, body: object, who: Person, key: str | None = None) -> httpx.Response:
        return await self.client.post(path, json=body, headers=who.paying(key))

    async def pay(self, **more: Any) -> dict[str, Any]:
        transfer: dict[str, Any] = found(
            await self.post("/transfers", order(self.payer, self.payee, **more), self.carol), 201
        )
        return transfer

    async def notes(self, path: str, who: Person) -> dict[str, Any]:
        """Return what a user reads of the reference and metadata of a resource, which a list must show alike."""
        shown = found(await self.client.get(path, headers=who.headers))
        [listed] = [
            item for item in await pages(self.client, path.rpartition("/")[0], who) if item["id"] == shown["id"]
        ]
        assert listed == shown
        return {name: shown[name] for name in NONE}


@pytest.fixture
async def payment(client: httpx.AsyncClient, world: World) -> Payment:
    return await Payment(client, world).open()


async def test_only_its_writer_and_operators_read_a_reference(payment: Payment) -> None:
    """The payee sees null, in transfers and in the statement; a replay shows what the first answer showed."""
    body = order(payment.payer, payment.payee, **NOTES)
    first = await payment.post("/transfers", body, payment.carol, "once")
    transfer = found(first, 201)
    assert {name: transfer[name] for name in NONE} == NOTES
    assert list(transfer["metadata"]) == ["z", "a", "b"]
    again = await payment.post("/transfers", dict(reversed(body.items())), payment.carol, "once")
    assert (again.headers["Idempotency-Replayed"], again.text) == ("true", first.text)
    path = first.headers["Location"]
    for who, notes in ((payment.carol, NOTES), (payment.chief, NOTES), (payment.dave, NONE)):
        assert await payment.notes(path, who) == notes
    for who, account, reference in (
        (payment.carol, payment.payer, "invoice-17"),
        (payment.chief, payment.payer, "invoice-17"),
        (payment.dave, payment.payee, None),
    ):
        statement = f"/accounts/{account}/entries"
        [entry] = await pages(payment.client, statement, who)
        assert (entry["reference"], list(entry)[-1]) == (reference, "reference")
        file = await payment.client.get(statement, headers=who.headers | {"Accept": "text/csv"})
        [header, line] = csv.reader(io.StringIO(file.text))
        assert (header[-1], line[-1]) == ("reference", reference or "")


async def test_each_transfer_of_a_batch_has_its_own_reference(payment: Payment) -> None:
    """As it was written, in the answer, its replay and the database."""
    notes: list[dict[str, Any]] = [NOTES, {}, {"metadata": {}}]
    items = [order(payment.payer, payment.payee, **more) for more in notes]
    first = await payment.post("/transfers/batch", {"transfers": items}, payment.carol, "batch")
    made = found(first, 201)["items"]
    assert [{name: item[name] for name in NONE} for item in made] == [NOTES, NONE, NONE | {"metadata": {}}]
    for item in made:
        assert await payment.notes(f"/transfers/{item['id']}", payment.carol) == {name: item[name] for name in NONE}
    again = await payment.post("/transfers/batch", {"transfers": items}, payment.carol, "batch")
    assert again.json() == first.json()


async def test_captures_and_reversals_inherit_the_reference_and_its_writer(payment: Payment) -> None:
    """Dave captures and reverses, and reads neither; Carol reads what she wrote. Metadata is not inherited."""
    made = await payment.post("/holds", hold_order(payment.payer, payment.payee, **NOTES), payment.carol)
    hold = found(made, 201)
    assert {name: hold[name] for name in NONE} == NOTES
    for who, notes in ((payment.carol, NOTES), (payment.chief, NOTES), (payment.dave, NONE)):
        assert await payment.notes(made.headers["Location"], who) == notes
    captured = found(await payment.post(f"/holds/{hold['id']}/capture", {}, payment.dave))
    assert {name: captured[name] for name in NONE} == NONE
    payment_id = captured["transfer_id"]
    reversal = found(await payment.post(f"/transfers/{payment_id}/reversal", {}, payment.dave), 201)
    assert {name: reversal[name] for name in NONE} == NONE
    inherited = NONE | {"reference": "invoice-17"}
    for transfer_id in (payment_id, reversal["id"]):
        for who, notes in ((payment.carol, inherited), (payment.chief, inherited), (payment.dave, NONE)):
            assert await payment.notes(f"/transfers/{transfer_id}", who) == notes
    found_again = await pages(payment.client, "/transfers?reference=invoice-17", payment.carol)
    assert [item["id"] for item in found_again] == [reversal["id"], payment_id]


async def test_the_payment_and_the_refund_of_a_purchase_inherit_its_reference(shop: Shop) -> None:
    """The seller reads it nowhere."""
    purchase = found(await shop.buy(**NOTES), 201)
    assert {name: purchase[name] for name in NONE} == NOTES
    path = f"/purchases/{purchase['id']}"
    refunded = found(await shop.client.post(f"{path}/refund", headers=shop.ada.paying()), 201)
    assert {name: refunded[name] for name in NONE} == NONE
    for who, notes in ((shop.bob, NOTES), (shop.root, NOTES), (shop.ada, NONE)):
        shown = found(await shop.client.get(path, headers=who.headers))
        assert {name: shown[name] for name in NONE} == notes
        transfers = await pages(shop.client, "/transfers", who)
        references = [item["reference"] for item in transfers if item["description"] is not None]
        assert references == ([None] * 2 if who is shop.ada else ["invoice-17"] * 2)
        assert all(item["metadata"] is None for item in transfers)
        ids = [item["id"] for item in await pages(shop.client, "/purchases?reference=invoice-17", who)]
        assert ids == ([] if who is shop.ada else [purchase["id"]])
        assert await pages(shop.client, "/purchases?reference=invoice-17&status=completed", who) == []


async def test_a_reference_finds_what_the_caller_wrote(payment: Payment) -> None:
    """Operators find every writer's; an account and a span narrow it; page by page, each once, newest first."""
    theirs = found(
        await payment.post("/transfers", order(payment.payee, payment.payer, reference="rent"), payment.dave), 201
    )
    mine = [await payment.pay(reference="rent") for _ in range(3)]
    await payment.pay(reference="other")
    await payment.pay()
    newest = [item["id"] for item in reversed(mine)]

    async def ids(query: str, who: Person) -> list[int]:
        return [item["id"] for item in await pages(payment.client, f"/transfers?limit=1&reference=rent{query}", who)]

    assert await ids("", payment.carol) == newest
    assert await ids("", payment.dave) == [theirs["id"]]
    assert await ids("", payment.chief) == [*newest, theirs["id"]]
    for who in (payment.carol, payment.chief):
        assert await ids(f"&account_id={payment.payer}&from={mine[1]['created_at']}", who) == newest[:2]
        assert await ids(f"&from={mine[0]['created_at']}&to={mine[2]['created_at']}", who) == newest[1:]
    other = await payment.world.account(payment.carol)
    assert await ids(f"&account_id={other}", payment.carol) == []
    # The account went to another owner: its transfers are not Carol's to see any more.
    await payment.world.connection.execute(
        "UPDATE accounts SET owner_id = %s WHERE id = %s", (payment.chief.id, payment.payer)
    )
    assert await ids("", payment.carol) == []


async def test_transfers_are_listed_by_time(payment: Payment) -> None:
    """From <= time < to: of a caller, of an account, and of all, page by page."""
    made = [await payment.pay() for _ in range(4)]
    span = f"from={made[1]['created_at']}&to={made[3]['created_at']}&limit=1"
    for who, query in ((payment.carol, ""), (payment.carol, f"&account_id={payment.payer}"), (payment.chief, "")):
        listed = await pages(payment.client, f"/transfers?{span}{query}", who)
        assert [item["id"] for item in listed] == [made[2]["id"], made[1]["id"]]


async def test_holds_and_purchases_are_listed_by_status(payment: Payment, shop: Shop) -> None:
    """A hold is expired from its time on, even before the sweep; both parties and operators, page by page."""
    body = hold_order(payment.payer, payment.payee)
    ids = [found(await payment.post("/holds", body, payment.carol), 201)["id"] for _ in range(4)]
    await payment.post(f"/holds/{ids[0]}/capture", {}, payment.dave)
    await payment.world.connection.execute("UPDATE holds SET expires_at = clock_timestamp() WHERE id = %s", (ids[3],))
    purchases = [found(await shop.buy(), 201)["id"] for _ in range(2)]
    found(await shop.client.post(f"/purchases/{purchases[0]}/refund", headers=shop.ada.paying()), 201)
    expected = {
        "/holds": {"active": [ids[2], ids[1]], "captured": ids[:1], "expired": ids[3:], "released": []},
        "/purchases": {"completed": purchases[1:], "refunded": purchases[:1], "pending": [], "rejected": []},
    }
    parties = {"/holds": (payment.carol, payment.dave, payment.chief), "/purchases": (shop.ada, shop.bob, shop.root)}
    for path, statuses in expected.items():
        for status, made in statuses.items():
            for who in parties[path]:
                listed = await pages(payment.client, f"{path}?limit=1&status={status}", who)
                assert [item["id"] for item in listed] == made, (path, status, who)
        answer = await payment.client.get(f"{path}?status=lost", headers=payment.carol.headers)
        problem(answer, 422, "validation_error")


REFUSED: list[tuple[dict[str, object], list[str]]] = [
    ({"reference": ""}, ["reference"]),
    ({"reference": "x" * 256}, ["reference"]),
    ({"reference": "a\0b"}, ["reference"]),
    ({"reference": 17}, ["reference"]),
    ({"metadata": {"a": {"b": "c"}}}, ["metadata", "a"]),
    ({"metadata": {"a": 1}}, ["metadata", "a"]),
    ({"metadata": {"a": None}}, ["metadata", "a"]),
    ({"metadata": {"a": "\0"}}, ["metadata", "a"]),
    ({"metadata": {"": "empty"}}, ["metadata"]),
    ({"metadata": {"n" * 41: "long"}}, ["metadata"]),
    ({"metadata": {f"name-{n}": "" for n in range(21)}}, ["metadata"]),
    ({"metadata": {"a": "x" * 4089}}, ["metadata"]),
    ({"metadata": {"a": "ü" * 2045}}, ["metadata"]),
    ({"metadata": ["a"]}, ["metadata"]),
]


@pytest.mark.parametrize(("notes", "place"), REFUSED)
async def test_a_malformed_reference_or_metadata_changes_nothing(
    payment: Payment, shop: Shop, notes: dict[str, Any], place: list[str]
) -> None:
    """422 that names the member, on transfers, items of batches, holds and purchases."""
    before = await contents(payment.world)
    item = order(payment.payer, payment.payee, **notes)
    requests: list[tuple[str, object, Person, list[object]]] = [
        ("/transfers", item, payment.carol, ["body"]),
        (
            "/transfers/batch",
            {"transfers": [order(payment.payer, payment.payee), item]},
            payment.carol,
            ["body", "transfers", 1],
        ),
        ("/holds", hold_order(payment.payer, payment.payee, **notes), payment.carol, ["body"]),
        ("/purchases", shop.wanted(**notes), shop.bob, ["body"]),
    ]
    for path, body, who, inside in requests:
        [error] = problem(await payment.post(path, body, who), 422, "validation_error")["errors"]
        assert error["loc"][: len(inside) + len(place)] == [*inside, *place], error
    assert await contents(payment.world) == before


async def test_the_largest_reference_and_metadata_are_kept(payment: Payment) -> None:
    """255 characters, 20 members, names of 40 characters, 4,096 bytes."""
    names = [f"{n:02}" + "n" * 38 for n in range(20)]
    metadata = dict.fromkeys(names, "")
    metadata[names[0]] = "x" * (4096 - len('{"":""}') - 20 * 40 - 19 * len(',"":""'))
    notes: dict[str, Any] = {"reference": "€" * 255, "metadata": metadata}
    transfer = await payment.pay(**notes)
    assert await payment.notes(f"/transfers/{transfer['id']}", payment.carol) == notes
    notes["metadata"] = metadata | {names[0]: metadata[names[0]] + "x"}
    problem(
        await payment.post("/transfers", order(payment.payer, payment.payee, **notes), payment.carol),
        422,
        "validation_error",
    )
