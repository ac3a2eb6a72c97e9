"""Planted defect: a trigger's ``concurrency`` is not looked at."""

from __future__ import annotations

from typing import Any

from firesteel.store.ledger.mirror import TriggerMirror

rule = TriggerMirror.rule


def _rule(self: Any, concurrency: int, *rest: Any) -> None:
    rule(self, 1000, *rest)


TriggerMirror.rule = _rule  # type: ignore[method-assign]
