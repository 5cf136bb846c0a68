"""Operations: the state of COMMIT, and the answer of an operation that is ended before it is known."""

import pytest
from prometheus_client import CollectorRegistry, Counter

from repositories.postgres.errors import DeadlineExceeded, OutcomeUnknown
from repositories.postgres.operation import CommitState, Operation, count, current, running


@pytest.mark.parametrize("state", CommitState)
async def test_an_interrupted_operation_says_that_nothing_was_written_only_if_no_commit_was_sent(
    state: CommitState,
) -> None:
    """From the moment at which COMMIT is sent the fault is OutcomeUnknown."""
    operation = Operation("test")
    operation.commit = state
    nothing_written = state in {CommitState.IDLE, CommitState.ROLLED_BACK}
    assert type(operation.interrupted()) is (DeadlineExceeded if nothing_written else OutcomeUnknown)


async def test_an_operation_that_is_interrupted_between_two_units_of_work_was_done_in_part() -> None:
    """After a confirmed COMMIT that is not final the fault is OutcomeUnknown, too."""
    operation = Operation("test")
    operation.confirm()
    assert type(operation.interrupted()) is OutcomeUnknown


@pytest.mark.parametrize("state", [CommitState.COMMITTING, CommitState.COMMITTED, CommitState.UNKNOWN])
async def test_a_unit_that_begins_or_is_rolled_back_changes_no_commit_of_another_unit(state: CommitState) -> None:
    """A task that was started during the operation shares it, and cannot take its answer back."""
    operation = Operation("test")
    operation.commit = state
    for before, after in (
        (CommitState.ROLLED_BACK, CommitState.IDLE),
        (CommitState.IDLE, CommitState.COMMITTING),
        (CommitState.IDLE, CommitState.ROLLED_BACK),
    ):
        assert not operation.change_commit(before, after)
    assert operation.commit is state


async def test_counts_are_applied_once_and_only_when_confirmed() -> None:
    """The counts of a unit that was rolled back or lost are discarded."""
    metric = Counter("folio_test", "For this test", registry=CollectorRegistry())
    with running(Operation("test")) as operation:
        assert current() is operation
        count(metric, 5)
        operation.begin_unit()
        count(metric, 2)
        assert metric._value.get() == 0
        operation.confirm()
        operation.confirm()
    assert metric._value.get() == 2
    count(metric)  # outside any operation it is a no-op
    assert metric._value.get() == 2
