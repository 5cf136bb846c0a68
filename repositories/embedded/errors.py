"""The error of the embedded server. Its messages are for the operator."""


class EmbeddedServerError(Exception):
    """The embedded server cannot be used; the message says why, and how to fix it."""
