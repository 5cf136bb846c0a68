"""Logs: one line per event on standard error, as JSON or for a terminal, including uvicorn's and psycopg's."""

import logging
import sys
import traceback
from types import TracebackType
from typing import Literal

import structlog


def configure(form: Literal["console", "json"]) -> None:
    """Format the log lines of structlog and of the standard library alike."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_traced),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # At INFO the pool logs every checkout.
    logging.getLogger("psycopg.pool").setLevel(logging.WARNING)


def _traced(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    """Return the lines of code and the class of an exception, without its message, which may quote a body or a key."""
    parts = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        kind = type(error)
        parts.append("".join(traceback.format_tb(error.__traceback__)) + f"{kind.__module__}.{kind.__qualname__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nand then\n".join(reversed(parts))
