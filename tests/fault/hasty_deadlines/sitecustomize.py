"""Deadlines of connections that are over within seconds, for the quick size."""

from __future__ import annotations

from firesteel.gateway.deadlines import Deadlines

HASTY = {"head_s": 0.2, "idle_s": 0.5, "body_s": 0.5, "linger_s": 0.2}
_init = Deadlines.__init__


def _hasty(self: Deadlines, **given: float) -> None:
    _init(self, **{**HASTY, **given})


Deadlines.__init__ = _hasty  # type: ignore[method-assign, assignment]
