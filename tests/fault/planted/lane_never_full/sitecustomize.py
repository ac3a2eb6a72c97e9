"""Planted defect: as many messages wait as come."""

from __future__ import annotations

from typing import Any

from firesteel.store.ledger.mirror import TriggerMirror

_rule = TriggerMirror.rule


def _without_bound(self: Any, concurrency: int, max_waiting: int, *rest: Any) -> None:
    _rule(self, concurrency, 10**9, *rest)


TriggerMirror.rule = _without_bound  # type: ignore[method-assign]
