"""The schema as others read it: a snapshot of each database, and a picture of both."""
