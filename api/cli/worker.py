"""The application of a worker process."""

import gc

from fastapi import FastAPI

from api.app import create_app
from api.process import logs
from api.process.settings import Settings

GARBAGE_THRESHOLD = 20_000
"""New objects after which Python looks for garbage in cycles. Its 700 would be several times in each request, which
makes next to no cycles."""


def application() -> FastAPI:
    """Return the application of a worker process, and configure the process's logs and its garbage collector."""
    settings = Settings()
    logs.configure(settings.log_format)
    app = create_app(settings)
    gc.freeze()  # modules, routes and models live as long as the process
    gc.set_threshold(GARBAGE_THRESHOLD)
    return app
