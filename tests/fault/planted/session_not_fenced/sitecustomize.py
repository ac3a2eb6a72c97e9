"""Planted defect: a session does not see that it was replaced; only its epochs are old."""

from __future__ import annotations

from firesteel.store.sqlite.sessions import Sessions

Sessions.fence = lambda self: None  # type: ignore[method-assign]
