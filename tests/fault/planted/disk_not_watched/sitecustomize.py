"""Planted defect: nobody looks how much room the disk has."""

from __future__ import annotations

from typing import Any

from firesteel.engine.housekeeping import Housekeeper


async def _look_away(self: Any) -> None:
    return


Housekeeper.look_at_disk = _look_away  # type: ignore[method-assign]
