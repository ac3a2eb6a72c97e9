"""Planted defect: nobody looks whether the store takes writes."""

from __future__ import annotations

from typing import Any

from firesteel.engine.housekeeping import Housekeeper


async def _look_away(self: Any) -> None:
    return


Housekeeper.watch_writes = _look_away  # type: ignore[method-assign]
Housekeeper._watch_store = _look_away  # type: ignore[method-assign]
