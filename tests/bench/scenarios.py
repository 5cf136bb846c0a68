"""The scenarios: which contestants do which work, from how many clients."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.bench.pgbench import HOT, SPREAD, Script
from tests.bench.requests import Request

PGBENCH = "pgbench"
PRESENT = "pgbench, present statements"
FOLIO = "Folio"
UNGATHERED = "Folio without gathering"
UNLOGGED = "Folio without request logs"
LARGE = "Folio on large data"
ORM = "SQLAlchemy ORM"
TUTORIAL = "tutorial"
EMPTY = "empty route"

Work = Request | Script


def _get(path: str) -> Request:
    return Request(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer folio_$token\r\n")


def _post(path: str, body: str, transfers: int = 1) -> Request:
    headers = "Authorization: Bearer folio_$token\r\nIdempotency-Key: $key\r\nContent-Type: application/json\r\n"
    return Request(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}", body, transfers)


ORDER = '{"from_account_id":$own,"to_account_id":$other,"amount":1}'
TRANSFER = _post("/transfers", ORDER)
HOT_TRANSFER = _post("/transfers", ORDER.replace("$other", "10001"))
BATCH = _post("/transfers/batch", f'{{"transfers":[{",".join([ORDER] * 500)}]}}', transfers=500)
PURCHASE = _post("/purchases", '{"product_id":$product,"quantity":1,"account_id":$own}')
EMPTY_POST = _post("/empty", ORDER)
ACCOUNT = _get("/accounts/$own")
STATEMENT_PAGE = _get("/accounts/$first/entries?limit=50")
LIVEZ = _get("/livez")


def _large(request: Request) -> Request:
    return replace(request, accounts_per_user=1000)


@dataclass(frozen=True)
class Scenario:
    """One kind of work, done by each contestant in turn."""

    group: str
    """The name that ONLY selects."""
    name: str
    clients: tuple[int, ...]
    work: dict[str, Work]
    """By contestant; the first one is the yardstick of the table."""
    background: Request | None = None
    """Sent by 64 more clients at the same time."""


SCENARIOS = (
    Scenario(
        "transfers",
        "transfer",
        (1, 16, 64, 256),
        {
            PGBENCH: Script(SPREAD),
            PRESENT: Script(SPREAD, present=True),
            FOLIO: TRANSFER,
            ORM: TRANSFER,
            TUTORIAL: TRANSFER,
            EMPTY: EMPTY_POST,
        },
    ),
    Scenario(
        "hot",
        "transfer to one hot account",
        (64,),
        {PGBENCH: Script(HOT), FOLIO: HOT_TRANSFER, ORM: HOT_TRANSFER},
    ),
    Scenario("batch", "batch of 500 transfers", (4,), {FOLIO: BATCH}),
    Scenario(
        "reads",
        "account",
        (1, 32, 256),
        {EMPTY: _get("/empty"), FOLIO: ACCOUNT, ORM: ACCOUNT, TUTORIAL: ACCOUNT},
    ),
    Scenario("reads", "post", (32,), {FOLIO: _get("/posts/$post")}),
    Scenario("reads", "page of 20 posts", (32,), {FOLIO: _get("/posts?limit=20")}),
    Scenario("reads", "statement page of 50", (32,), {FOLIO: STATEMENT_PAGE}),
    Scenario("livez", "/livez", (32,), {EMPTY: _get("/empty"), FOLIO: LIVEZ}),
    Scenario("purchases", "purchase", (16,), {FOLIO: PURCHASE}),
    Scenario("mixed", "account, alone", (16,), {FOLIO: ACCOUNT}),
    Scenario("mixed", "account, while 64 clients pay", (16,), {FOLIO: ACCOUNT}, background=TRANSFER),
    Scenario("gathering", "transfer, gathering on and off", (1, 16, 64), {FOLIO: TRANSFER, UNGATHERED: TRANSFER}),
    Scenario("logs", "transfer, request logs on and off", (64,), {FOLIO: TRANSFER, UNLOGGED: TRANSFER}),
    Scenario("large", "transfer, by size of data", (16,), {FOLIO: TRANSFER, LARGE: _large(TRANSFER)}),
    Scenario("large", "statement page, by size of data", (16,), {FOLIO: STATEMENT_PAGE, LARGE: _large(STATEMENT_PAGE)}),
)
START = "start"
"""The group of the start-up time, which has no load."""
GROUPS = (*dict.fromkeys(scenario.group for scenario in SCENARIOS), START)
