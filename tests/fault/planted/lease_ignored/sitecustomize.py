"""Planted defect: a worker starts what it was given, however long it has slept."""

from __future__ import annotations

from firesteel.worker.lease import Lease

Lease.holds = lambda self: True  # type: ignore[method-assign]
