"""Counts what happens to each trigger, for charts, and writes it down every few seconds.

On the way of a message stand two additions, when it is accepted and when it is settled. Each node
counts what it does itself; the store adds up.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Final

from firesteel.errors import StoreUnavailable
from firesteel.model.durations import class_of
from firesteel.store.figures import Tally
from firesteel.telemetry.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.engine.route import Route, Routes
    from firesteel.store.figures import Figures
    from firesteel.store.jobs import Jobs
    from firesteel.store.journal import Claim, Journal

_MINUTE_US: Final = 60_000_000
COMPACT_EVERY: Final = 30
BETWEEN_PIECES_S: Final = 0.05
PIECE: Final = 100
"""Triggers written in one transaction: calls wait for no longer one (P34)."""


class Traffic:
    """Used from the event loop's thread. ``now_us``: the wall clock."""

    def __init__(
        self, figures: Figures, journal: Journal, jobs: Jobs, now_us: Callable[[], int]
    ) -> None:
        self._figures = figures
        self._journal = journal
        self._jobs = jobs
        self._now_us = now_us
        self.meter = Meter()
        self._tallies: defaultdict[int, Tally] = defaultdict(Tally)
        self._writing: dict[int, Tally] = {}
        self._written: defaultdict[int, Tally] = defaultdict(Tally)
        self._stood: set[int] = set()
        self._rounds = 0

    # on the way of a message

    def accepted(self, trigger_no: int, received_at_us: int, *, settled: bool) -> None:
        """A call was accepted that was complete then; ``settled``: what is only recorded has
        succeeded with that."""
        self.meter.triggers[trigger_no].accept_us.add(self._now_us() - received_at_us)
        tally = self._tallies[trigger_no]
        tally.accepted += 1
        if settled:
            tally.succeeded += 1

    def settled(self, claim: Claim, *, succeeded: bool, answered: bool) -> None:
        """An execution has ended; ``answered``: a caller waited for its response."""
        tally = self._tallies[claim.trigger_no]
        if succeeded:
            tally.succeeded += 1
        else:
            tally.failed += 1
        if claim.execution.endswith("-1"):  # a replay's message was received long ago
            took_us = max(self._now_us() - claim.message.received_at_us, 0)
            number = class_of(took_us)
            tally.settle[number] = tally.settle.get(number, 0) + 1
            tally.settle_us += took_us
            if answered:
                tally.answer[number] = tally.answer.get(number, 0) + 1
                tally.answer_us += took_us

    def answered(self, trigger_no: int, waited_s: float) -> None:
        """A caller that waited here has its answer, of an execution that another node ran."""
        tally, waited_us = self._tallies[trigger_no], int(waited_s * 1e6)
        number = class_of(waited_us)
        tally.answer[number] = tally.answer.get(number, 0) + 1
        tally.answer_us += waited_us

    def retried(self, trigger_no: int) -> None:
        """An attempt failed and will be made again."""
        self._tallies[trigger_no].retried += 1

    def failed(self, trigger_no: int, kind: str) -> None:
        """An attempt ended with a failure of that kind."""
        self.meter.triggers[trigger_no].failed_attempts[kind] += 1

    def refused(self, trigger_no: int, code: str) -> None:
        """A call of a trigger was answered with this problem, and nothing of it stored."""
        self._tallies[trigger_no].refused += 1
        self.meter.triggers[trigger_no].refused[code] += 1

    def since_start(self, trigger_no: int) -> Tally:
        """All that was counted of a trigger since the engine was started."""
        total = Tally()
        for tallies in (self._written, self._writing, self._tallies):
            if trigger_no in tallies:
                total.add(tallies[trigger_no])
        return total

    # by the clock

    async def write(self, routes: Routes) -> None:
        """Add what happened since the last time to the minute that is. Raises StoreUnavailable:
        what was not written is written the next time."""
        await self._look_at_waiting(routes)
        tallies, self._tallies = self._tallies, defaultdict(Tally)
        self._writing = tallies
        minute = self._now_us() // _MINUTE_US
        while tallies:
            piece = dict(islice(tallies.items(), PIECE))
            try:
                await self._figures.add(minute, piece)
            except StoreUnavailable:
                self._put_back(tallies)
                raise
            for trigger_no in piece:
                self._written[trigger_no].add(tallies.pop(trigger_no))
        self._rounds += 1
        if self._rounds % COMPACT_EVERY == 1:
            async with self._jobs.only_here("figures") as mine:
                while mine and await self._figures.compact(minute):  # noqa: ASYNC110
                    await asyncio.sleep(BETWEEN_PIECES_S)  # lets others write

    async def _look_at_waiting(self, routes: Routes) -> None:
        """Of triggers in which something waits, or waited the last time."""
        stood: set[int] = set()
        for route in routes:
            waiting, _ = self._journal.backlog(route.trigger_no)
            if waiting or route.trigger_no in self._stood:
                tally = self._tallies[route.trigger_no]
                tally.waiting = waiting
                tally.oldest_waiting_s = await self._oldest_s(route) if waiting else 0
            if waiting:
                stood.add(route.trigger_no)
        self._stood = stood

    async def _oldest_s(self, route: Route) -> int:
        received_at_us = await self._journal.oldest_waiting_us(route.trigger_no)
        return 0 if received_at_us is None else max(self._now_us() - received_at_us, 0) // 1_000_000

    def _put_back(self, tallies: dict[int, Tally]) -> None:
        self._writing = {}
        for trigger_no, tally in tallies.items():
            tally.add(self._tallies[trigger_no])
            self._tallies[trigger_no] = tally
