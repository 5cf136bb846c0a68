"""Errors: SQLSTATE tells a fault, which may pass, from a defect, which no retry can."""

import psycopg
import pytest

from repositories.postgres.errors import Defect, Fault, fault, taken

FAULTS = {
    "08006": "database_unavailable",
    "25006": "database_read_only",
    "28000": "database_unavailable",
    "40001": "contention",
    "40003": "contention",
    "53200": "database_overloaded",
    "53100": "disk_full",
    "55006": "database_unavailable",
    "55P03": "lock_timeout",
    "57014": "statement_timeout",
    "57P01": "database_unavailable",
    "58030": "database_unavailable",
}
DEFECTS = ["22003", "22021", "23502", "23503", "23505", "23514", "42501", "42P01", "42703", "54000", "P0001", "XX001"]


@pytest.mark.parametrize("state", FAULTS)
def test_an_error_that_may_pass_is_a_fault(state: str) -> None:
    """503 with Retry-After."""
    known = fault(psycopg.errors.lookup(state)())
    assert isinstance(known, Fault)
    assert known.code == FAULTS[state]


@pytest.mark.parametrize("state", DEFECTS)
def test_an_error_that_no_retry_can_pass_is_a_defect(state: str) -> None:
    """500, and an alert: data, constraints, privileges, missing objects, limits of the program."""
    known = fault(psycopg.errors.lookup(state)())
    assert isinstance(known, Defect)
    assert state in str(known)


def test_a_lost_connection_is_a_fault() -> None:
    """It has no SQLSTATE."""
    known = fault(psycopg.OperationalError("server closed the connection unexpectedly"))
    assert isinstance(known, Fault)
    assert known.code == "database_unavailable"


def test_a_violation_whose_constraint_is_not_named_is_that_of_the_only_possible_one() -> None:
    """The name is empty if several are possible."""
    error = psycopg.errors.UniqueViolation()
    assert taken(error, "users_email_key").constraint == "users_email_key"
    assert taken(error, "users_email_key", "users_username_key").constraint == ""
    assert taken(error).constraint == ""
