"""The fixtures. One Folio serves a whole test run; users and accounts keep tests apart."""

from collections.abc import Iterator

import pytest

from folio_testing.faults import Faults
from folio_testing.service import Folio


@pytest.fixture(scope="session")
def folio() -> Iterator[Folio]:
    """Run Folio with empty databases: the command that FOLIO_COMMAND names, `folio` by default."""
    with Folio.serve() as folio:
        yield folio


@pytest.fixture(scope="session")
def _faulty(folio: Folio) -> Iterator[Faults]:
    with Faults.serve(folio) as faults:
        yield faults


@pytest.fixture
def folio_faults(_faulty: Faults) -> Iterator[Faults]:
    """Serve the same Folio at a second address, where failures happen on request; they end with the test."""
    yield _faulty
    _faulty.heal()
