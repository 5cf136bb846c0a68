"""`make faults`: causes faults under load, and checks the answers and the databases."""
