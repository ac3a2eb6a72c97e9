"""Planted defect: the use of a key is noted for the one that was added before it."""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):
    from firesteel.engine.engine import Engine

    used_key = Engine.used_key

    def _before(self: Engine, key_no: int) -> None:
        used_key(self, key_no - 1)

    Engine.used_key = _before  # type: ignore[method-assign]
