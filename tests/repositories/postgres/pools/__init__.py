"""Tests of the pools: who holds a connection, what becomes of a full pool, what ends a wait."""
