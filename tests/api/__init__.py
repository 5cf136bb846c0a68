"""Tests of `api/`, module by module."""
