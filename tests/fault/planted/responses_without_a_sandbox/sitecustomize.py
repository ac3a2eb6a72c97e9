"""Planted defect: a page that a workflow answers is a page like any other."""

from __future__ import annotations

from firesteel.gateway import answers

answers._guard = lambda _content_type: b""  # type: ignore[assignment]
