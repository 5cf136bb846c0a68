"""Tests of the command line and of real processes."""
