"""Planted defect: the headers that hold credentials are stored with the others."""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):
    from firesteel.gateway import caller

    caller.without_credentials = lambda headers: headers  # type: ignore[attr-defined]
