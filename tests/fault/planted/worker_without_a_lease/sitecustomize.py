"""Planted defect: a worker does not look whether the engine still has its lease."""

from __future__ import annotations

from typing import Any

from firesteel.worker.lease import Lease


def _holds(_self: Any) -> bool:
    return True


Lease.holds = _holds  # type: ignore[method-assign]
