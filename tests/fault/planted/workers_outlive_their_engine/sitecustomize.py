"""Planted defect: workers do not end with their engine; whoever holds one goes on with it."""

from __future__ import annotations

from typing import Any

from firesteel import supervisor
from firesteel.worker import link

kill = supervisor.Child.kill


def _leave(self: Any) -> None:
    """New workers are started beside the old ones."""
    if self.role == "worker":
        self.process = None
    else:
        kill(self)


supervisor.Child.kill = _leave  # type: ignore[method-assign]
link.EngineLink.connection_lost = lambda self, exc: None  # type: ignore[method-assign]
