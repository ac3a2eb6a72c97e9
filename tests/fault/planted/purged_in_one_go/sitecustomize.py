"""Planted defect: all that retention lets go goes in one transaction, for which all calls wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from firesteel.store.sql import retention
from firesteel.store.sql.history import SqlHistory

purge = SqlHistory.purge


def _pieces(expired: Any) -> Iterator[Any]:
    if expired:
        yield list(expired)


async def _purge(self: Any, **given: Any) -> int:
    return await purge(self, **given, batch=10**9)


retention.pieces = _pieces  # type: ignore[assignment]
SqlHistory.purge = _purge  # type: ignore[assignment, method-assign]
