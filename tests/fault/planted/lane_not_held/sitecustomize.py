"""Planted defect: whoever comes to a lane takes it for empty, and no constraint says otherwise."""

from __future__ import annotations

from typing import Any

from firesteel.store.ledger.mirror import Mirror

load = Mirror.load


def _load(self: Any) -> None:
    self._connection.execute("drop index if exists uq_execution_running_lane")
    load(self)


Mirror.load = _load  # type: ignore[method-assign]
Mirror.lane = lambda self, name: 0  # type: ignore[method-assign]
