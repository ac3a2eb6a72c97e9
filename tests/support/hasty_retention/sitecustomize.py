"""Not a defect: retention counts a second as a millisecond, and looks ten times a second; a node
that lets it wait is told after two seconds."""

from __future__ import annotations

from firesteel.engine import agreement, housekeeping
from firesteel.store.sql import history, retention

retention._US = 1000
history._US = 1000
housekeeping.RETENTION_S = 0.1
agreement.TOLD_S = 2.0  # type: ignore[misc]
agreement.TURN_S = 0.1  # type: ignore[misc]
