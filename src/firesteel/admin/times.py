"""Times as the REST API writes and reads them: RFC 3339, in UTC, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def written(at_us: int) -> datetime:
    """A time in microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=at_us)


def written_or_none(at_us: int | None) -> datetime | None:
    """The same for what may not have happened."""
    return None if at_us is None else written(at_us)


def read(at: datetime) -> int:
    """The inverse of ``written``; a time without a zone is UTC."""
    whole = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (whole - _EPOCH) // timedelta(microseconds=1)
