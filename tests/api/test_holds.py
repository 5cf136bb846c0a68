"""Holds: money set aside, captured once, released or expired, and never counted twice."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.ledger import holds as ledger
from repositories.postgres import unit_of_work
from tests.harness.expect import found, insist, pages, problem
from tests.harness.payments import hold_order, order
from tests.harness.world import Person, World

pytestmark = pytest.mark.full_pool


class Deposit:
    """A payer with 500, a payee with nothing, and a hold of 100 between them."""

    def __init__(self, client: httpx.AsyncClient, world: World) -> None:
        self.client = client
        self.world = world

    async def open(self) -> "Deposit":
        self.ada, self.bob = await self.world.person("ada"), await self.world.person("bob")
        self.payer, self.payee = await self.world.account(self.ada), await self.world.account(self.bob)
        await self.world.fund(self.payer, 500)
        answer = await self.client.post(
            "/holds", json=hold_order(self.payer, self.payee, description="Deposit"), headers=self.ada.paying()
        )
        self.hold = found(answer, 201)
        assert answer.headers["Location"] == f"/holds/{self.hold['id']}"
        self.path = f"/holds/{self.hold['id']}"
        return self

    async def end(self, how: str, who: Person, key: str | None = None, **body: object) -> httpx.Response:
        return await insist(self.client, f"{self.path}/{how}", body, who.paying(key))

    async def hold_again(self, amount: int) -> None:
        """Place another hold on the same accounts."""
        body = hold_order(self.payer, self.payee, amount)
        found(await self.client.post("/holds", json=body, headers=self.ada.paying()), 201)

    async def overdue(self) -> None:
        """Let every hold be overdue."""
        await self.world.connection.execute("UPDATE holds SET expires_at = clock_timestamp()")

    async def money(self) -> tuple[int, int, int]:
        """Return the payer's balance and held amount, and the payee's balance."""
        account = found(await self.client.get(f"/accounts/{self.payer}", headers=self.ada.headers))
        assert account["available"] == account["balance"] - account["held"]
        [payee] = await self.world.balances(self.payee)
        return account["balance"], account["held"], payee


@pytest.fixture
async def deposit(client: httpx.AsyncClient, world: World) -> Deposit:
    return await Deposit(client, world).open()


async def test_a_hold_counts_against_available_and_is_seen_by_both(deposit: Deposit, client: httpx.AsyncClient) -> None:
    """Every member; both parties see it, a stranger does not; held money cannot be spent or held again."""
    assert {name: deposit.hold[name] for name in deposit.hold if not name.endswith("_at") and name != "id"} == {
        "from_account_id": deposit.payer,
        "to_account_id": deposit.payee,
        "currency": "EUR",
        "amount": 100,
        "description": "Deposit",
        "reference": None,
        "metadata": None,
        "status": "active",
        "captured_amount": None,
        "transfer_id": None,
        "expires_in": 60,
    }
    assert await deposit.money() == (500, 100, 0)
    eve = await deposit.world.person("eve")
    root = await deposit.world.person("root", role="operator")
    for person in (deposit.ada, deposit.bob, root):
        assert found(await client.get(deposit.path, headers=person.headers)) == deposit.hold
        assert await pages(client, "/holds?limit=1", person) == [deposit.hold]
    problem(await client.get(deposit.path, headers=eve.headers), 404, "hold_not_found")
    assert await pages(client, "/holds", eve) == []
    for how in ("capture", "release"):
        problem(await deposit.end(how, eve), 404, "hold_not_found")
    too_much = hold_order(deposit.payer, deposit.payee, 401)
    for path in ("/transfers", "/holds"):
        body = {name: too_much[name] for name in too_much if path == "/holds" or name != "expires_in"}
        refused = await client.post(path, json=body, headers=deposit.ada.paying())
        assert problem(refused, 422, "insufficient_funds")["available"] == 400
    found(await client.post("/holds", json=too_much | {"amount": 400}, headers=deposit.ada.paying()), 201)
    assert await deposit.money() == (500, 500, 0)


@pytest.mark.parametrize(("body", "captured"), [({}, 100), ({"amount": 60}, 60), ({"amount": None}, 100)])
async def test_a_capture_pays_once_and_frees_the_rest(deposit: Deposit, body: dict[str, int], captured: int) -> None:
    """The transfer names the hold; a second capture or release is 409, a repeat shows the first answer."""
    answer = await deposit.end("capture", deposit.bob, "k", **body)
    hold = found(answer)
    assert (hold["status"], hold["captured_amount"]) == ("captured", captured)
    assert hold == found(await deposit.client.get(deposit.path, headers=deposit.ada.headers))
    transfer = found(await deposit.client.get(f"/transfers/{hold['transfer_id']}", headers=deposit.bob.headers))
    assert (transfer["hold_id"], transfer["amount"], transfer["description"]) == (
        deposit.hold["id"],
        captured,
        "Deposit",
    )
    assert await deposit.money() == (500 - captured, 0, captured)
    again = await deposit.end("capture", deposit.bob, "k", **body)
    assert (again.content, again.headers["Idempotency-Replayed"]) == (answer.content, "true")
    for how in ("capture", "release"):
        problem(await deposit.end(how, deposit.bob), 409, "hold_not_active")
    assert await deposit.money() == (500 - captured, 0, captured)


async def test_a_capture_needs_no_body_and_takes_no_more_than_is_held(deposit: Deposit) -> None:
    """422 above the held amount, and if the amount is invalid; the key is not stored then."""
    for wrong in (101, 0, -1, True, "60", 1.5):
        refused = problem(await deposit.end("capture", deposit.bob, "k", amount=wrong), 422, "validation_error")
        assert refused["errors"][0]["loc"] == ["body", "amount"]
    problem(
        await deposit.client.post(f"{deposit.path}/capture", headers=deposit.bob.headers),
        400,
        "idempotency_key_missing",
    )
    assert (
        found(await deposit.client.post(f"{deposit.path}/capture", headers=deposit.bob.paying("k")))["captured_amount"]
        == 100
    )


async def test_only_the_payee_captures_and_the_payer_waits(deposit: Deposit) -> None:
    """403 for the payer; an operator releases any hold, but captures only holds for an account of theirs."""
    root = await deposit.world.person("root", role="operator")
    problem(await deposit.end("capture", deposit.ada), 403, "not_owner")
    problem(await deposit.end("release", deposit.ada), 403, "not_owner")
    problem(await deposit.end("capture", root), 403, "not_owner")
    assert await deposit.money() == (500, 100, 0)
    assert found(await deposit.end("release", root))["status"] == "released"
    assert await deposit.money() == (500, 0, 0)


async def test_a_hold_is_over_at_its_time_swept_or_not(
    deposit: Deposit, client: httpx.AsyncClient, app: FastAPI
) -> None:
    """Captures and releases are refused, a payment that only it blocked goes through, and a sweep finds the rest."""
    await deposit.overdue()
    assert found(await client.get(deposit.path, headers=deposit.bob.headers))["status"] == "expired"
    refused = await deposit.end("capture", deposit.bob, "late")
    problem(refused, 409, "hold_expired")
    assert (await deposit.end("capture", deposit.bob, "late")).content == refused.content
    problem(await deposit.end("release", deposit.bob), 409, "hold_expired")
    found(
        await client.post("/holds", json=hold_order(deposit.payer, deposit.payee, 500), headers=deposit.ada.paying()),
        201,
    )
    assert await deposit.money() == (500, 500, 0)
    await deposit.overdue()
    body = order(deposit.payer, deposit.payee, 450)
    found(await client.post("/transfers", json=body, headers=deposit.ada.paying()), 201)
    assert await deposit.money() == (50, 0, 450)
    found(
        await client.post("/holds", json=hold_order(deposit.payer, deposit.payee, 50), headers=deposit.ada.paying()),
        201,
    )
    await deposit.overdue()
    async with service_of(app).pools["main"].checkout() as checkout:
        assert await unit_of_work.run(checkout, ledger.sweep) == 1
        assert await unit_of_work.run(checkout, ledger.sweep) == 0
    assert await deposit.money() == (50, 0, 450)


async def test_a_sweep_skips_locked_accounts_and_any_number_may_sweep(deposit: Deposit, app: FastAPI) -> None:
    """A sweep waits for no lock; five sweeps at once expire each hold once."""
    await deposit.overdue()
    main = service_of(app).pools["main"]

    async def sweep() -> int:
        async with main.checkout() as checkout:
            return await unit_of_work.run(checkout, ledger.sweep)

    async with deposit.world.connection.transaction():
        await deposit.world.connection.execute("SELECT FROM accounts WHERE id = %s FOR NO KEY UPDATE", (deposit.payer,))
        assert await asyncio.wait_for(sweep(), 30) == 0
    assert sorted(await asyncio.gather(*(sweep() for _ in range(5)))) == [0, 0, 0, 0, 1]
    assert await deposit.money() == (500, 0, 0)


async def test_the_service_sweeps_by_itself(
    client: httpx.AsyncClient, application: FastAPI, settings: Settings, world: World
) -> None:
    """A job frees the money of an expired hold, even if no request touches the account."""
    deposit = await Deposit(client, world).open()
    service_of(application).settings = settings.model_copy(update={"sweep_interval": 0.1})
    async with application.router.lifespan_context(application):
        await deposit.overdue()
        async with asyncio.timeout(30):
            while await world.value("SELECT held FROM accounts WHERE id = %s", deposit.payer):  # noqa: ASYNC110 - PostgreSQL sends no event
                await asyncio.sleep(0.05)


async def test_a_frozen_account_lets_holds_be_released_and_nothing_be_captured(deposit: Deposit) -> None:
    """Whichever of the two accounts is frozen."""
    for frozen, code in ((deposit.payer, "account_unavailable"), (deposit.payee, "account_frozen")):
        await deposit.world.connection.execute("UPDATE accounts SET status = 'frozen' WHERE id = %s", (frozen,))
        problem(await deposit.end("capture", deposit.bob), 409, code)
        await deposit.world.connection.execute("UPDATE accounts SET status = 'open'")
    await deposit.world.connection.execute("UPDATE accounts SET status = 'frozen'")
    assert found(await deposit.end("release", deposit.bob))["status"] == "released"
    assert await deposit.money() == (500, 0, 0)


async def test_an_account_that_holds_is_neither_closed_nor_left(deposit: Deposit, client: httpx.AsyncClient) -> None:
    """409 balance_not_zero while money is held, but not once the hold is overdue."""
    await deposit.world.connection.execute("UPDATE accounts SET minimum = NULL")
    empty = await deposit.world.account(deposit.ada, minimum=None)
    hold = found(await client.post("/holds", json=hold_order(empty, deposit.payee), headers=deposit.ada.paying()), 201)
    problem(
        await client.patch(f"/accounts/{empty}", json={"status": "closed"}, headers=deposit.ada.headers),
        409,
        "balance_not_zero",
    )
    await deposit.world.connection.execute(
        "UPDATE holds SET expires_at = clock_timestamp() WHERE id = %s", (hold["id"],)
    )
    closed = await client.patch(f"/accounts/{empty}", json={"status": "closed"}, headers=deposit.ada.headers)
    assert found(closed)["held"] == 0
    headers = deposit.ada.headers | {"If-Match": "*"}
    problem(await client.delete("/users/me", headers=headers), 409, "balance_not_zero")


@pytest.mark.parametrize("rivals", [("capture", "capture"), ("capture", "release"), ("release", "expire", "capture")])
async def test_capture_release_and_expiry_race_to_one_winner(
    deposit: Deposit, app: FastAPI, rivals: tuple[str, ...]
) -> None:
    """Of twenty requests at once, one ends the hold; the balances follow from the final status."""

    async def run(how: str) -> int:
        if how == "expire":
            await deposit.overdue()
            async with service_of(app).pools["main"].checkout() as checkout:
                await unit_of_work.run(checkout, ledger.sweep)
            return 0
        return (await deposit.end(how, deposit.bob)).status_code

    statuses = await asyncio.gather(*(run(how) for how in rivals * (20 // len(rivals))))
    status = found(await deposit.client.get(deposit.path, headers=deposit.bob.headers))["status"]
    assert statuses.count(200) == (status != "expired")
    assert set(statuses) <= {0, 200, 409}
    assert await deposit.money() == ((400, 0, 100) if status == "captured" else (500, 0, 0))


async def test_50_identical_captures_at_once_are_one_capture(deposit: Deposit) -> None:
    """All 50 get the same answer; so do 50 identical requests that place a hold."""
    received = await asyncio.gather(*(deposit.end("capture", deposit.bob, "once") for _ in range(50)))
    assert {answer.status_code for answer in received} == {200}, received[0].text
    assert len({answer.content for answer in received}) == 1
    body, headers = hold_order(deposit.payer, deposit.payee), deposit.ada.paying("once")
    received = await asyncio.gather(*(insist(deposit.client, "/holds", body, headers) for _ in range(50)))
    assert {answer.status_code for answer in received} == {201}
    assert len({answer.content for answer in received}) == 1
    assert await deposit.money() == (400, 100, 100)


async def test_a_hold_lasts_1_second_to_30_days(deposit: Deposit, client: httpx.AsyncClient) -> None:
    """Any other number of seconds is 422, and nothing is held."""
    for seconds in (0, -1, 30 * 86400 + 1, 1.5, "60", None, True):
        body = hold_order(deposit.payer, deposit.payee, expires_in=seconds)
        refused = problem(await client.post("/holds", json=body, headers=deposit.ada.paying()), 422, "validation_error")
        assert refused["errors"][0]["loc"] == ["body", "expires_in"]
    assert await deposit.money() == (500, 100, 0)
    for seconds in (1, 30 * 86400):
        body = hold_order(deposit.payer, deposit.payee, 1, expires_in=seconds)
        found(await client.post("/holds", json=body, headers=deposit.ada.paying()), 201)


async def test_the_held_amount_stays_in_the_exact_range(client: httpx.AsyncClient, world: World) -> None:
    """An account without a minimum holds no more than every JSON reader keeps exact."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    await world.fund(payer, 1)
    for amount, status in ((2**53 - 1, 201), (1, 422)):
        answer = await client.post("/holds", json=hold_order(payer, payee, amount), headers=ada.paying())
        assert answer.status_code == status, answer.text
    found(await client.get(f"/accounts/{payer}", headers=ada.headers))
