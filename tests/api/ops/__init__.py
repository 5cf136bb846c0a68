"""Tests of the operators' routes."""
