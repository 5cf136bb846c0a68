"""GET /metrics in tests: its values, and their change between two scrapes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.world import Person


def total(text: str, name: str, **labels: str) -> float:
    """Return the sum of the series of a metric that have these labels; 0 if there are none."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


class Moves:
    """The text of GET /metrics before and after the part of a test that is measured."""

    before = ""
    after = ""

    def by(self, name: str, **labels: str) -> float:
        """Return the change of a metric."""
        return total(self.after, name, **labels) - total(self.before, name, **labels)

    def units(self, outcome: str) -> float:
        """Return the number of units of work that had this outcome."""
        return self.by("folio_units_of_work_total", outcome=outcome)

    def transfers(self) -> dict[str, int]:
        """Return the number of transfers by outcome, without the outcomes of none."""
        outcomes = {
            sample.labels["outcome"]
            for family in text_string_to_metric_families(self.after)
            for sample in family.samples
            if sample.name == "folio_transfers_total"
        }
        moved = {outcome: int(self.by("folio_transfers_total", outcome=outcome)) for outcome in outcomes}
        return {outcome: number for outcome, number in moved.items() if number}


class Scraper:
    """A scraper of the metrics, with the key of an operator."""

    def __init__(self, client: httpx.AsyncClient, operator: Person) -> None:
        self._client = client
        self.operator = operator

    async def read(self) -> str:
        """Return the text of GET /metrics."""
        answer = await self._client.get("/metrics", headers=self.operator.headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    @asynccontextmanager
    async def moves(self) -> AsyncIterator[Moves]:
        """Scrape at the beginning and at the end of this context."""
        moved = Moves()
        moved.before = await self.read()
        yield moved
        moved.after = await self.read()
