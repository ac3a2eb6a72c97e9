"""Not a defect: a node looks for what alerts tell five times a second, and soon takes another one
for down; its own disk, where it holds no store, is looked at as often, and what it has noted
of itself counts a second after its start."""

from __future__ import annotations

from firesteel.engine import housekeeping
from firesteel.engine.alerts import of_nodes

housekeeping.ALERTS_S = 0.2
housekeeping.OWN_DISK_S = 0.2
of_nodes.DOWN_S = 1.0  # type: ignore[misc]
of_nodes.SETTLES_S = 1.0  # type: ignore[misc]
