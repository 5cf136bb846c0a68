"""The schema as others read it: snapshots, a picture, and the rules of portability that the migrations hold."""
