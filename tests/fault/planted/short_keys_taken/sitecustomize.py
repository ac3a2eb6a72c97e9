"""Planted defect: any pasted key is taken, without a warning."""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):
    from firesteel.engine import api_keys

    api_keys.check_pasted = lambda _secret: None  # type: ignore[attr-defined]
