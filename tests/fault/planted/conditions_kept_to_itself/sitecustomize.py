"""Planted defect: what is wrong with a node is not written where the node that watches reads it."""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):
    from firesteel.engine.alerts.conditions import Conditions

    async def _kept(_conditions: Conditions) -> None:
        pass

    Conditions.write = _kept  # type: ignore[method-assign]
