"""Tests of everything that routes share."""
