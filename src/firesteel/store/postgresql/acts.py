"""What people do, where an execution may run on another node."""

from __future__ import annotations

from typing import Final

from firesteel.store.journal import Actor
from firesteel.store.ledger.acts import Acts

_LIVES: Final = """
SELECT s.no FROM execution AS e JOIN session AS s ON s.no = e.session_no
WHERE e.no = ?::BIGINT AND s.ended_at_us IS NULL
"""


class SharedActs(Acts):
    """Acts on what other sessions run are left to them."""

    def _runs_elsewhere(self, execution_no: int) -> bool:
        return self._one(_LIVES, execution_no) is not None

    def resume(self, trigger_no: int, lane_key: str | None, actor: Actor) -> None:
        """As ``Acts.resume``. What may run now and finds no slot here, others are told of."""
        super().resume(trigger_no, lane_key, actor)
        trigger = self._mirror.trigger(trigger_no)
        if lane_key is None and trigger.ready:
            self._claims.ready(trigger)
