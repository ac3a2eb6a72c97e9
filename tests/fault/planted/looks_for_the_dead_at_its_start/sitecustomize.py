"""Planted defect: a node takes over from dead ones when it starts, and then no more."""

from __future__ import annotations

from typing import Any

from firesteel.store.postgresql.sessions import Sessions

recover = Sessions.recover
looked: list[bool] = []


def _recover(self: Any, *, lapsed: bool) -> int:
    if looked:
        return 0
    looked.append(True)
    return recover(self, lapsed=lapsed)


Sessions.recover = _recover  # type: ignore[method-assign]
