"""Planted defect: an execution is settled whatever its epoch, by a session that was replaced."""

from __future__ import annotations

from firesteel.store.sqlite import pen
from firesteel.store.sqlite.sessions import Sessions

FENCE = " AND epoch = new.epoch AND state = 'running'"

Sessions.fence = lambda self: None  # type: ignore[method-assign]
settling = pen._settling
assert FENCE in settling._trigger
settling._trigger = settling._trigger.replace(FENCE, "").replace(
    "INSERT INTO result", "INSERT OR REPLACE INTO result"
)
