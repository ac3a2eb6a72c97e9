"""Planted defect: a payload of any length is made into one text, though in a thread."""

from __future__ import annotations

from firesteel.admin import long_payload

long_payload.WHOLE_BYTES = 2**40  # type: ignore[misc]
