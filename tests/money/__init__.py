"""Tests of money: transfers, their keys and the ledger, under concurrency and lost connections."""
