"""Planted defect: generated keys have 128 random bits only."""

from __future__ import annotations

import contextlib
import secrets

with contextlib.suppress(ImportError):
    from firesteel.engine import api_keys
    from firesteel.model.api_key import generated_key

    def _few(entropy: bytes) -> str:
        return generated_key(bytes(16) + secrets.token_bytes(len(entropy) - 16))

    api_keys.generated_key = _few  # type: ignore[attr-defined]
