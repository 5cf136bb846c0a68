"""Tests of the service's documentation."""
