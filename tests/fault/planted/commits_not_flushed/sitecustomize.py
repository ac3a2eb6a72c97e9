"""Planted defect: a commit is answered before the server has flushed it."""

from __future__ import annotations

from typing import Any

from firesteel.store.postgresql.connection import Session

settings = Session.settings


def _settings(self: Any, address: Any) -> dict[str, str]:
    unflushed = {"synchronous_commit": "off"} if self.flushed else {}
    return {**settings(self, address), **unflushed}


Session.settings = _settings  # type: ignore[method-assign]
