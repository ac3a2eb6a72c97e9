"""Times as texts for machines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at_us: int) -> str:
    """A time in microseconds since 1970, in UTC to the second: ``2026-11-30T11:23:05Z``."""
    at = _EPOCH + timedelta(seconds=at_us // 1_000_000)
    return at.isoformat().replace("+00:00", "Z")
