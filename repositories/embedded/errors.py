"""What can go wrong with the embedded server, for whoever runs Folio to read."""


class EmbeddedServerError(Exception):
    """The embedded server cannot be had; the message says why, and what would help."""
