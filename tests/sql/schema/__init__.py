"""The schema in documents: a snapshot of each database, a diagram of both, and the portability of the migrations."""
