"""Log lines: one event name plus fields, to stderr. Text on a terminal, JSON otherwise.

Promises that nothing but the fields given is logged: no local variables, no bodies, no credentials. What a library says
is cut down to its first sentence, without the values in it, and the name of the error.
"""

import logging
from typing import TextIO

import structlog

log = structlog.get_logger()


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
    logging.basicConfig(handlers=[Libraries(logging.WARNING)], force=True)


class Libraries(logging.Handler):
    """Where warnings and errors of libraries go: their own texts may quote headers and rows."""

    def emit(self, record: logging.LogRecord) -> None:
        said = str(record.msg).partition("\n")[0]
        error = record.exc_info[0] if record.exc_info else None
        speak = log.error if record.levelno >= logging.ERROR else log.warning
        speak("library", name=record.name, said=said[:200], error=error and error.__name__)
