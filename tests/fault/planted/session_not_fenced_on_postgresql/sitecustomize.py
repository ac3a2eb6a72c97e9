"""Planted defect: a session does not see that it was replaced, and goes on as if it lived."""

from __future__ import annotations

from firesteel.store.postgresql import ledger, sessions

FENCE = " AND ended_at_us IS NULL"

for module, name in ((ledger, "FENCE"), (sessions, "FENCE"), (sessions, "_RENEW")):
    text = getattr(module, name)
    assert FENCE in text
    setattr(module, name, text.replace(FENCE, ""))
