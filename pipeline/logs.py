"""Log lines: one event name plus fields, to stderr. Text on a terminal, JSON otherwise.

Promises that nothing but the fields given is logged: no local variables, no bodies, no credentials.
"""

from typing import TextIO

import structlog


def configure(stream: TextIO) -> None:
    """Send every log line of the process to `stream`."""
    last = (
        structlog.dev.ConsoleRenderer(colors=True) if stream.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            last,
        ],
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
