"""Planted defect: an attempt does not look into the journal and does every step again."""

from __future__ import annotations

from firesteel.worker.journal import AttemptJournal

AttemptJournal.replay = lambda self, place: None  # type: ignore[method-assign]
