"""Logs: one line an event, on standard error, as text for people or JSON for machines.

Secrets and payloads are never logged: events carry ids, codes and counts.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog


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
    logging.basicConfig(level=max(_number(level), logging.WARNING), stream=sys.stderr)


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
