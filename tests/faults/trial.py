"""A fault that is made under load, kept for a while and ended, and the figures of what came of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.faults import judge
from tests.faults.databases import settings_of
from tests.faults.load import Load
from tests.harness.market import Market
from tests.harness.processes import Service, service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager

    from tests.faults.judge import Answer

CALM = 2.0
"""Seconds of load after the return of service: a refusal among them means that it had not returned."""


@dataclass(frozen=True)
class Figures:
    """What came of one fault; times in seconds."""

    fault: str
    tries: int
    """Requests from the beginning of the fault until the load ends."""
    refused: dict[str, dict[str, int]]
    """Of these, those that were answered 503, by code and route."""
    violations: list[str]
    longest: float
    """What the slowest of them was answered after."""
    recovery: float
    """From the end of the fault until the last refusal, and the first success of every route."""

    def hold(self, *codes: str) -> None:
        """Hold them to what is promised, and to these codes: the first is what shows that the fault happened."""
        assert self.violations == []
        assert self.longest < judge.LONGEST
        assert self.recovery < judge.RECOVERY
        assert codes[0] in self.refused
        assert self.refused.keys() <= set(codes)


class Trial:
    """A service under load, that a fault befalls."""

    def __init__(
        self,
        record: Callable[[str, object], None],
        databases: Mapping[str, str],
        behind: Mapping[str, str] = {},
        **more: str,
    ) -> None:
        self._record = record
        self.settings = settings_of(databases)
        # The service may stand behind something, while the judge looks at the databases themselves.
        self.served = settings_of({**databases, **behind}) | more
        self.load = Load(Market(self.settings, databases))

    async def endures(self, name: str, fault: AbstractAsyncContextManager[None], *, lasts: float) -> Figures:
        """Make a fault happen for some seconds, and return what came of it when all is decided and audited.

        `fault` makes it happen when it is entered, and is left once the database could serve again.
        """
        async with running(self.served) as folio:
            await self.load.open(folio.port)
            async with self.load:
                await self.load.flows(since=0)
                began = time.monotonic()
                async with fault:
                    await asyncio.sleep(lasts)
                back = time.monotonic()
                await self.load.flows(since=back)
                await asyncio.sleep(CALM)
            await self.load.decided()
            figures = await self._figures(name, began, back)
            self.record(figures)
            await self.load.market.holds(keys=self.load.bought)
        return figures

    async def _figures(self, name: str, began: float, back: float) -> Figures:
        meant = [answer for answer in self.load.answers if answer.ended >= began]
        successes = self.load.succeeding(since=back)
        refusals = [answer.ended for answer in meant if not answer.succeeded]
        return Figures(
            fault=name,
            tries=len(meant),
            refused=refused(meant),
            violations=await self.violations(),
            longest=max(answer.seconds for answer in meant),
            recovery=max(0.0, *(ended - back for ended in [*successes.values(), *refusals])),
        )

    async def violations(self) -> list[str]:
        """Say what is wrong: with each answer, and with what is in the database."""
        answers = self.load.answers
        wrong = [f"{answer.route} {answer.key}: {answer.violation}" for answer in answers if answer.violation]
        return wrong + judge.lost_or_doubled(answers, await judge.made(self.settings["FOLIO_MAIN_DATABASE_URL"]))

    def record(self, figures: Figures) -> None:
        """Keep figures for the table."""
        self._record("faults", asdict(figures))


@asynccontextmanager
async def running(settings: Mapping[str, str], *options: str) -> AsyncIterator[Service]:
    """Run `folio serve` without keeping the event loop: the network before its databases may be a task of this one."""
    context = service(settings, *options)
    folio = await asyncio.to_thread(context.__enter__)
    try:
        yield folio
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


def refused(answers: Iterable[Answer]) -> dict[str, dict[str, int]]:
    """Count what was answered 503, by code and route."""
    found: dict[str, Counter[str]] = {}
    for answer in answers:
        if answer.status == 503:
            found.setdefault(answer.code, Counter())[answer.route] += 1
    return {code: dict(routes) for code, routes in found.items()}


def figures_of(properties: list[tuple[str, Any]]) -> list[Figures]:
    """Return the figures that a test has recorded."""
    return [Figures(**value) for name, value in properties if name == "faults"]
