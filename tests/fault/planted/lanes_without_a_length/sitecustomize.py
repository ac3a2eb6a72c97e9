"""Planted defect: a lane takes as many messages as come."""

from __future__ import annotations

import contextlib
from typing import Any

with contextlib.suppress(ImportError):
    from firesteel.store.ledger.mirror import TriggerMirror

    rule = TriggerMirror.rule

    def _without_length(self: Any, *rules: Any) -> None:
        rule(self, *rules)
        self.lane_limit = None

    TriggerMirror.rule = _without_length  # type: ignore[method-assign]
