"""Planted defect: whoever comes first may take all the room."""

from __future__ import annotations

from typing import Any

from firesteel.shares import Room


def _take(self: Any, share: Any, size: int, before: int = 0) -> int | None:
    if self.held + size > self.limit and self.held > before:
        return None
    self.held += size
    share.held += size
    return size


Room.take = _take  # type: ignore[method-assign]
Room.fits = lambda self, _share, size: self.held + size <= self.limit  # type: ignore[method-assign]
