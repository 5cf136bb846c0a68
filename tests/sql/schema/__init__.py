"""The schema as others read it: a snapshot of each database, a picture of both, and the portability of the migrations."""
