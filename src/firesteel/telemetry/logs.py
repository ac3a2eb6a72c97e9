"""Logs: one line an event, on standard error, as text for people or JSON for machines.

Secrets and payloads are never logged: events carry ids, codes and counts.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

log = structlog.get_logger(__name__)


def configure(level: str, form: Literal["text", "json"]) -> None:
    """Set up logging for this process."""
    colours = sys.stderr.isatty()
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=colours)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(_number(level), logging.WARNING), handlers=[_OfLibraries()])


class _OfLibraries(logging.Handler):
    """What libraries say by Python's own ``logging``: lines like ours, one for each."""

    def emit(self, record: logging.LogRecord) -> None:
        """As a ``Handler`` must, it raises nothing to who logs."""
        try:
            said = {"library": record.name, "detail": " ".join(_text(record).split())}
            if record.levelno >= logging.ERROR:
                log.error("library_said", **said, exc_info=record.exc_info)
            else:
                log.warning("library_said", **said)
        except Exception:  # noqa: BLE001
            self.handleError(record)


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # the arguments do not fit the text
        return str(record.msg)


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
