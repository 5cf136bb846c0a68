"""Tests of Folio, against real PostgreSQL."""
