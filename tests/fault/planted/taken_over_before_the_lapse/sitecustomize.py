"""Planted defect: whoever looks for dead sessions takes every other one that runs something for
dead, however lately it renewed its lease."""

from __future__ import annotations

from firesteel.store.postgresql import sessions

LAPSED, LIVE = "lease_until_us < ?::BIGINT", "lease_until_us >= ?::BIGINT"
RUNS = "EXISTS (SELECT FROM execution WHERE state = 'running' AND session_no = session.no)"

assert LAPSED in sessions._LAPSED
assert LIVE in sessions._ORPHANED
sessions._LAPSED = sessions._LAPSED.replace(LAPSED, f"?::BIGINT > 0 AND {RUNS}")  # type: ignore[misc]
sessions._ORPHANED = sessions._ORPHANED.replace(LIVE, "?::BIGINT < 0")  # type: ignore[misc]
