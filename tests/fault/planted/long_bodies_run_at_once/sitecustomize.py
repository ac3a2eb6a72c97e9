"""Planted defect: slots alone bound how many long bodies run at once."""

from __future__ import annotations

from typing import Any

from firesteel.engine.long_bodies import LongBodies

_init = LongBodies.__init__


def _without_bound(self: Any, *arguments: Any, **_limit: Any) -> None:
    _init(self, *arguments, limit_bytes=1 << 40)


LongBodies.__init__ = _without_bound  # type: ignore[method-assign, assignment]
