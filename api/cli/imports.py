"""`folio import`: bring transfers from another system, checked as a whole first, then made in batches."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from api.cli.import_file import BadLine, SeenKeys, judge_accounts, read
from api.cli.running import UsageError, main_pool, run
from api.cli.terminal import AsJson, complain, output, progress, put, say
from api.process import startup
from api.process.settings import Settings
from repositories.accounts import AccountRepository
from repositories.ledger.imports import Imported, import_batch
from repositories.ledger.payments import BATCH_LIMIT, Payment
from repositories.postgres import unit_of_work
from repositories.postgres.errors import Fault
from repositories.postgres.pools import Pool
from repositories.users import UserRepository

Item = TypeVar("Item")
NumberedPayment = tuple[int, Payment]


@dataclass
class Result:
    """What a run did, or would do: lines of the file, transfers made in this run and in earlier ones, faults."""

    lines: int = 0
    imported: int = 0
    imported_earlier: int = 0
    bad_lines: list[BadLine] | None = None
    refused: BadLine | None = None


def import_transfers(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A CSV file.")],
    operator: Annotated[str, typer.Option("--as", help="The operator who orders the transfers.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file, list every bad line, change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import transfers: a header line, then one transfer a line, each made once for its key.

    Columns: from_account_id, to_account_id, amount (in minor units), key; and if you like currency, description,
    reference, occurred_at. Any account may pay; minimum and status hold. A run that was killed is repeated: what was
    applied is not applied again. The first refused line ends the run.
    """
    settings = Settings()
    result = Result(bad_lines=[])
    with startup.servers(settings, say):
        run(settings, partial(startup.require_migrated, settings))
        asyncio.run(_import(settings, file, operator, result, dry_run=dry_run))
    if as_json:
        put(json.dumps({"dry_run": dry_run} | _shown(result)))
    else:
        _print(result, dry_run=dry_run)
    if result.bad_lines or result.refused:
        sys.exit(1)


async def _import(settings: Settings, file: Path, operator: str, result: Result, *, dry_run: bool) -> None:
    async with main_pool(settings, startup.serving(settings)["main"]) as pool:
        async with pool.checkout() as checkout:
            user = await UserRepository(checkout.connection).get_by_username(username=operator)
        if user is None or user.role != "operator":
            raise UsageError(f"There is no operator {operator}.")
        with progress(rate="lines/s") as bar:
            task = bar.add_task("check", total=None)
            await _check(pool, file, result, lambda: bar.update(task, completed=result.lines))
            if dry_run or result.bad_lines:
                return
            bar.reset(task, total=result.lines, description="import")
            async with aclosing(_ahead(_batches(_payments(file, user.id), BATCH_LIMIT))) as batches:
                async for batch in batches:
                    await _apply(settings, pool, batch, result)
                    bar.update(task, advance=len(batch))
                    if result.refused is not None:
                        return


async def _check(pool: Pool, file: Path, result: Result, on_batch: Callable[[], None]) -> None:
    """Find every bad line."""
    assert result.bad_lines is not None  # noqa: S101
    with closing(SeenKeys()) as keys:
        for batch in _batches(read(file), BATCH_LIMIT):
            result.lines += len(batch)
            lines = [line for line in batch if not isinstance(line, BadLine)]
            faults = [line for line in batch if isinstance(line, BadLine)]
            for number, line in lines:
                if (earlier := keys.add(line.key, number)) is not None:
                    faults.append(BadLine(number, f"The key {line.key!r} stands on line {earlier} already."))
            ids = {account for _, line in lines for account in (line.from_account_id, line.to_account_id)}
            async with pool.checkout() as checkout:
                currencies = await AccountRepository(checkout.connection).list_currencies(ids=ids)
            faults += judge_accounts(lines, currencies)
            result.bad_lines += sorted(faults, key=lambda fault: fault.number)
            on_batch()


async def _apply(settings: Settings, pool: Pool, batch: list[NumberedPayment], result: Result) -> None:
    """Make the transfers of a batch; tried again within `start_timeout` while a database is away or locked."""
    payments = [payment for _, payment in batch]

    async def work() -> Imported:
        async with pool.checkout() as checkout:
            return await unit_of_work.run(checkout, partial(import_batch, payments=payments), repeatable=True)

    done = await startup.patiently(settings, work, say, Fault)
    result.imported += done.made
    result.imported_earlier += done.earlier
    if done.refusal is not None:
        number, _ = batch[done.made + done.earlier]
        result.refused = BadLine(number, f"{done.refusal.code}: {done.refusal.detail}")


def _payments(file: Path, user_id: int) -> Iterator[NumberedPayment]:
    """Yield the payments of a checked file. Raises UsageError if it has a bad line by now."""
    for line in read(file):
        if isinstance(line, BadLine):
            raise UsageError("The file has changed since it was checked.")
        number, content = line
        yield number, content.payment(user_id)


async def _ahead(batches: Iterator[Item]) -> AsyncGenerator[Item]:
    """Yield batches. A thread reads the next one while the database writes the last."""
    coming = asyncio.create_task(asyncio.to_thread(next, batches, None))
    try:
        while (batch := await coming) is not None:
            coming = asyncio.create_task(asyncio.to_thread(next, batches, None))
            yield batch
    finally:
        coming.cancel()


def _batches(lines: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(lines)
    while batch := list(islice(iterator, size)):
        yield batch


def _shown(result: Result) -> dict[str, object]:
    def shown(line: BadLine) -> dict[str, object]:
        return {"line": line.number, "detail": line.detail}

    return {
        "lines": result.lines,
        "imported": result.imported,
        "imported_earlier": result.imported_earlier,
        "bad_lines": [shown(line) for line in result.bad_lines or []],
        "refused": None if result.refused is None else shown(result.refused),
    }


def _print(result: Result, *, dry_run: bool) -> None:
    for line in result.bad_lines or []:
        output.print(f"line {line.number}: {line.detail}", markup=False)
    if result.bad_lines:
        complain(f"{len(result.bad_lines):,} of {result.lines:,} lines are bad; nothing was imported.")
        return
    if dry_run:
        output.print(f"All {result.lines:,} lines are good; nothing was imported.")
        return
    output.print(f"{result.imported:,} transfers were made, {result.imported_earlier:,} had been made earlier.")
    if result.refused is not None:
        complain(
            f"Line {result.refused.number} was refused ({result.refused.detail}). The lines before it stay applied."
        )
