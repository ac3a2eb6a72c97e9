"""Planted defect: triggers stand in one queue, behind whoever has waited longest."""

from __future__ import annotations

from typing import Any

from firesteel.store.ledger.appends import Appends
from firesteel.store.ledger.claims import Claims

place = Appends._place
take_turns = Claims._take_turns


def _blocked(mirror: Any) -> bool:
    return any(t.ready and t.running >= t.concurrency for t in mirror.triggers.values())


def _take_turns(self: Any) -> None:
    if not _blocked(self._mirror):
        take_turns(self)


def _place(self: Any, *arguments: Any) -> Any:
    slots = self._mirror.slots
    if _blocked(self._mirror):
        self._mirror.slots = 0
    try:
        return place(self, *arguments)
    finally:
        self._mirror.slots = slots


Claims._take_turns = _take_turns  # type: ignore[method-assign]
Appends._place = _place  # type: ignore[method-assign]
