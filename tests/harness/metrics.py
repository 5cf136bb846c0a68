"""What /metrics shows, and by how much something moved it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.world import Person


def total(text: str, name: str, **labels: str) -> float:
    """Return the sum of those series of a metric that have these labels; 0 where there is none."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


class Moves:
    """What /metrics showed before something happened, and after it."""

    before = ""
    after = ""

    def by(self, name: str, **labels: str) -> float:
        """Return by how much a metric moved."""
        return total(self.after, name, **labels) - total(self.before, name, **labels)

    def units(self, outcome: str) -> float:
        """Return how many units of work ended so."""
        return self.by("folio_units_of_work_total", outcome=outcome)

    def transfers(self) -> dict[str, int]:
        """Return how many transfers had each outcome; what did not move is left out."""
        outcomes = {
            sample.labels["outcome"]
            for family in text_string_to_metric_families(self.after)
            for sample in family.samples
            if sample.name == "folio_transfers_total"
        }
        moved = {outcome: int(self.by("folio_transfers_total", outcome=outcome)) for outcome in outcomes}
        return {outcome: number for outcome, number in moved.items() if number}


class Scraper:
    """An operator who reads the metrics."""

    def __init__(self, client: httpx.AsyncClient, operator: Person) -> None:
        self._client = client
        self.operator = operator

    async def read(self) -> str:
        """Return what /metrics shows."""
        answer = await self._client.get("/metrics", headers=self.operator.headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    @asynccontextmanager
    async def moves(self) -> AsyncIterator[Moves]:
        """Look before and after what is done in this context."""
        moved = Moves()
        moved.before = await self.read()
        yield moved
        moved.after = await self.read()
