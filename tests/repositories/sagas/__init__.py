"""Tests of sagas: databases away, processes killed, steps that come late."""
