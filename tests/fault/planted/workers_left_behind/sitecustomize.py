"""Planted defect: no process ends with its supervisor."""

from __future__ import annotations

from firesteel import lifeline

lifeline.hold_on_to = lambda lifeline_fd: None
