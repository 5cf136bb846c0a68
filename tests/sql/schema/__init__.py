"""The schema in documents, a snapshot of each database and a diagram of both; and the rules of portability."""
