"""Planted defect: an execution that will be tried again goes to the end of its lane."""

from __future__ import annotations

from typing import Any

from firesteel.store.ledger.mirror import BUSY
from firesteel.store.ledger.outcomes import Outcomes

TO_THE_TAIL = (
    "update execution set turn = 0, position = (select max(position) + 1 from execution)"
    " where no = ?"
)
postpone = Outcomes.postpone


def _postpone(self: Any, postponement: Any) -> bool:
    running = self._mirror.running.get(postponement.execution_no)
    done = postpone(self, postponement)
    if done and running.lane_key is not None:
        self.flush()
        self._claims._connection.execute(TO_THE_TAIL, (postponement.execution_no,))
        self._mirror.lanes[running.trigger.no, running.lane_key] = BUSY
        self._claims.advance(running.trigger, running.lane_key)
    return done


Outcomes.postpone = _postpone  # type: ignore[method-assign]
