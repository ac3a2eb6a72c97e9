"""A lease of three seconds instead of fifteen, for nodes that are to outlive it often."""

from __future__ import annotations

from pathlib import Path

SHORT_LEASE = Path(__file__).parent
LEASE_S = 3.0
