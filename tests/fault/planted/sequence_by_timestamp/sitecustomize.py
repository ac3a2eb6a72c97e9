"""Planted defect: the sequence is the time, told by two clocks that differ by a second."""

from __future__ import annotations

import itertools
import time
from typing import Any

from firesteel.store.ledger.mirror import TriggerMirror

SKEW_US = 1_000_000
begun_at_s = time.monotonic() - 10.0
clocks = itertools.cycle((0, SKEW_US))


def _now(_trigger: Any) -> int:
    return int((time.monotonic() - begun_at_s) * 1e6) - next(clocks)


TriggerMirror.last_sequence = property(_now, lambda trigger, sequence: None)  # type: ignore[assignment]
