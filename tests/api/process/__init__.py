"""Tests of one process: settings, logs, drain."""
