"""A trial: a fault is caused under load, lasts for some seconds and ends; its figures are the result."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.faults import judge
from tests.faults.databases import settings_of
from tests.faults.load import Load
from tests.harness.market import Market
from tests.harness.processes import Service, service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager

    from tests.faults.judge import Answer

LOAD_AFTER_RECOVERY_SECONDS = 2.0
"""A refusal in this time shows that service had not returned."""


@dataclass(frozen=True)
class Figures:
    """The result of one trial; times in seconds."""

    fault: str
    tries: int
    """Requests that were answered after the fault began."""
    refused: dict[str, dict[str, int]]
    """Requests answered 503 after the fault began, by code and route."""
    violations: list[str]
    longest: float
    """The time of the slowest answer."""
    recovery: float
    """From the end of the fault to the last refusal or to the first success of every route, whichever is later."""

    def check(self, *codes: str) -> None:
        """Assert the promises, and that refusals have only these codes; the first one proves the fault."""
        assert self.violations == []
        assert self.longest < judge.MAX_ANSWER_SECONDS
        assert self.recovery < judge.MAX_RECOVERY_SECONDS
        assert codes[0] in self.refused
        assert self.refused.keys() <= set(codes)


class Trial:
    """A service under load and one fault."""

    def __init__(
        self,
        record: Callable[[str, object], None],
        databases: Mapping[str, str],
        proxies: Mapping[str, str] = {},
        **options: str,
    ) -> None:
        self._record = record
        self.settings = settings_of(databases)
        # The service may connect through proxies; the judge connects directly.
        self.service_settings = settings_of({**databases, **proxies}) | options
        self.load = Load(Market(self.settings, databases))

    async def run(self, name: str, fault: AbstractAsyncContextManager[None], *, seconds: float) -> Figures:
        """Cause a fault for some seconds, and return the figures once every purchase is decided and audited.

        Entering `fault` causes it; leaving it returns when the database can serve again.
        """
        async with running(self.service_settings) as folio:
            await self.load.open(folio.port)
            async with self.load:
                await self.load.wait_for_successes(since=0)
                fault_began = time.monotonic()
                async with fault:
                    await asyncio.sleep(seconds)
                fault_ended = time.monotonic()
                await self.load.wait_for_successes(since=fault_ended)
                await asyncio.sleep(LOAD_AFTER_RECOVERY_SECONDS)
            await self.load.wait_until_decided()
            figures = await self._figures(name, fault_began, fault_ended)
            self.record(figures)
            await self.load.market.verify(keys=self.load.purchase_count)
        return figures

    async def _figures(self, name: str, fault_began: float, fault_ended: float) -> Figures:
        answers = self.load.answers_since(fault_began)
        successes = self.load.first_successes(since=fault_ended)
        refusals = [answer.ended_at for answer in answers if not answer.succeeded]
        return Figures(
            fault=name,
            tries=len(answers),
            refused=count_refusals(answers),
            violations=await self.violations(),
            longest=max(answer.seconds for answer in answers),
            recovery=max(0.0, *(moment - fault_ended for moment in [*successes.values(), *refusals])),
        )

    async def violations(self) -> list[str]:
        """Return the violations of all answers, and of the rows in the main database."""
        answers = self.load.answers
        late_or_flawed = [f"{answer.route} {answer.key}: {answer.violation}" for answer in answers if answer.violation]
        return late_or_flawed + await self.lost_or_doubled()

    async def lost_or_doubled(self) -> list[str]:
        """Return a line for each acknowledged write that is lost or doubled."""
        stored = await judge.resources(self.settings["FOLIO_MAIN_DATABASE_URL"])
        return judge.lost_or_doubled(self.load.answers, stored)

    def record(self, figures: Figures) -> None:
        """Add figures to the table."""
        self._record("faults", asdict(figures))


NewTrial = Callable[..., Trial]
"""The fixture `new_trial`: makes a trial on databases."""


@asynccontextmanager
async def running(settings: Mapping[str, str], *options: str) -> AsyncIterator[Service]:
    """Run `folio serve`; the event loop stays free for the proxies before its databases, which may be its tasks."""
    context = service(settings, *options)
    folio = await asyncio.to_thread(context.__enter__)
    try:
        yield folio
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


def count_refusals(answers: Iterable[Answer]) -> dict[str, dict[str, int]]:
    """Count the answers 503, by code and route."""
    counts: dict[str, Counter[str]] = {}
    for answer in answers:
        if answer.status == 503:
            counts.setdefault(answer.code, Counter())[answer.route] += 1
    return {code: dict(routes) for code, routes in counts.items()}


def figures_of(properties: list[tuple[str, Any]]) -> list[Figures]:
    """Return the figures that a test recorded."""
    return [Figures(**value) for name, value in properties if name == "faults"]
