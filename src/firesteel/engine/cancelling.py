"""Cancelling an execution that another node runs: that node is asked, and the store tells."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from firesteel.errors import CallerError
from firesteel.model.execution import State
from firesteel.store.bulletin import CancelAsked

if TYPE_CHECKING:
    from firesteel.model.execution import Response
    from firesteel.store.bulletin import Bulletin
    from firesteel.store.journal import Actor, Ended, Journal

LOOK_S = 0.1
LOOKS = 20
PATIENCE_S = 10.0


class Elsewhere:
    """``bulletin`` is how the other node is asked; news may be lost, so it is asked again."""

    def __init__(self, journal: Journal, bulletin: Bulletin) -> None:
        self._journal = journal
        self._bulletin = bulletin

    async def cancel(self, execution_no: int, actor: Actor, response: Response) -> Ended:
        """What ``Journal.cancel`` finds once the execution has ended there or waits again. Raises
        CallerError ``cancel_unanswered``."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while loop.time() < deadline:
            self._bulletin.tell(CancelAsked(execution_no, actor.name, actor.why))
            for _ in range(LOOKS):
                await asyncio.sleep(LOOK_S)
                ended = await self._journal.cancel(execution_no, actor, response)
                if not ended.elsewhere:
                    there = ended.state is State.CANCELLED
                    return replace(ended, changed=True) if there else ended
        raise CallerError(code="cancel_unanswered")
