"""A lease of three seconds, renewed every second: nodes outlive it often in a short test."""

from __future__ import annotations

from firesteel.engine import housekeeping
from firesteel.store.postgresql import ledger, sessions, writer

LEASE_S = 3.0
OLD = str(sessions._LEASE_US)

housekeeping.LEASE_S = 1.0
ledger.GRACE_S = 1.0  # type: ignore[misc]
writer.LEASE_S = LEASE_S  # type: ignore[misc]
sessions._LEASE_US = int(LEASE_S * 1e6)  # type: ignore[misc]
sessions._LAST_SEEN = sessions._LAST_SEEN.replace(OLD, str(sessions._LEASE_US))  # type: ignore[misc]
