"""Planted defect: a secret is its own hash."""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):
    from firesteel.engine.keyring import Ring

    def _digest(_self: Ring, secret: str | bytes) -> bytes:
        return secret.encode() if isinstance(secret, str) else secret

    Ring.digest = _digest  # type: ignore[method-assign]
