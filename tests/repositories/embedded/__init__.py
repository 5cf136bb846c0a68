"""The embedded server, with real servers and real kills."""
