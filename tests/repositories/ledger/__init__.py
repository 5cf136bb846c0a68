"""Tests of the ledger under concurrency, against a model, and with guarantees taken away."""
