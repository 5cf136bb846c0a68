"""Tests of the doctor's checks and advice."""
