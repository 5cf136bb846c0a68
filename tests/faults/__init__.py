"""Faults that are made to happen under load, for `make faults`: what a client is answered, and what is there after."""
