"""Planted defect: a key is looked up first and inserted a moment later, so that whoever comes in
between does not find it."""

from __future__ import annotations

import time
from typing import Any

from firesteel.store.ledger.appends import Appends

GAP_S = 0.5
duplicate = Appends._duplicate
first_seen: dict[str, float] = {}


def _duplicate(self: Any, new: Any, key: Any) -> Any:
    now_s = time.monotonic()
    if now_s - first_seen.setdefault(key.key, now_s) < GAP_S:
        return None
    return duplicate(self, new, key)


Appends._duplicate = _duplicate  # type: ignore[method-assign]
