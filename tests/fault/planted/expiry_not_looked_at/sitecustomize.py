"""Planted defect: a key is taken whatever its expiry, and so is one that rotation has replaced."""

from __future__ import annotations

import contextlib
from typing import Any

with contextlib.suppress(ImportError):
    from firesteel.gateway import app

    key_of = app.key_of  # type: ignore[attr-defined]

    def _at_the_start(exchange: Any, keys: Any, keyring: Any, _now_us: int) -> Any:
        return key_of(exchange, keys, keyring, 0)

    app.key_of = _at_the_start  # type: ignore[attr-defined]
