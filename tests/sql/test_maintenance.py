"""What the owner of a database may run from cron: the page's commands delete old keys, and no others."""

import re
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from repositories.postgres.statements import Statement
from tests.harness import templates
from tests.harness.expect import found
from tests.harness.payments import order
from tests.harness.programs import run
from tests.harness.world import World

COMMANDS = re.findall(r"```sh\n(psql.*?)```", Path("docs/growth.md").read_text(), re.DOTALL)
AGES = {"young": 29, "middle": 399, "old": 401, "oldest": 410}
"""Age of each key in days."""


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_key_that_is_deleted_is_executed_again(
    command: str, client: httpx.AsyncClient, world: World, databases: dict[str, str]
) -> None:
    """Keys beyond the term are deleted, and a repeat pays again; the repeat of a younger key is replayed."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    for key, days in AGES.items():
        found(await client.post("/transfers", json=order(payer, payee), headers=ada.paying(key)), 201)
        await world.connection.execute(
            "UPDATE idempotency_keys SET created_at = now() - make_interval(days => %s) WHERE key = %s", (days, key)
        )
    if not templates.has_roles():
        command = command.replace("SET role folio_owner;\n", "")
    database = str(conninfo_to_dict(databases["main"])["dbname"])
    completed = run(["bash", "-e"], command.replace("folio_main", database), databases["main"])
    assert (completed.returncode, completed.stderr) == (0, "")
    replayed = {}
    for key in AGES:
        answer = await client.post("/transfers", json=order(payer, payee), headers=ada.paying(key))
        replayed[key] = "Idempotency-Replayed" in answer.headers
    assert replayed == {"young": True, "middle": True, "old": False, "oldest": False}
    assert await world.value("SELECT count(*) FROM transfers") == 6


async def test_keys_of_the_last_30_days_stay(
    client: httpx.AsyncClient, world: World, databases: dict[str, str]
) -> None:
    """Whatever the arguments say: a mistake deletes no key that a client may still repeat."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    for key, days in {"young": 29, "old": 31}.items():
        found(await client.post("/transfers", json=order(payer, payee), headers=ada.paying(key)), 201)
        await world.connection.execute(
            "UPDATE idempotency_keys SET created_at = now() - make_interval(days => %s) WHERE key = %s", (days, key)
        )
    with psycopg.connect(databases["main"]) as owner:
        psycopg.RawCursor(owner).execute(Statement("main/maintenance/delete_keys").text, ["-infinity", "infinity"])
    assert await world.value("SELECT count(*) FROM idempotency_keys WHERE key = 'young'") == 1
    assert await world.value("SELECT count(*) FROM idempotency_keys") == 1
