"""The figures port: what happened to each trigger, minute by minute, for charts.

They are kept apart from messages, so that a chart costs no look at them and outlives retention.
Minutes are whole ones since 1970, of the wall clock. What is kept is bounded: minutes for a day and
two hours, then hours for 32 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from firesteel.model.durations import merged

MINUTES_KEPT: Final = 26 * 60
HOURS_KEPT: Final = 32 * 24


@dataclass(slots=True)
class Tally:
    """What happened to a trigger within a minute, or an hour. ``waiting`` and ``oldest_waiting_s``
    are how it stood when they were last looked at; histograms are of ``model.durations``:
    ``settle`` from acceptance to the final outcome (replays apart), ``answer`` of Request-Response
    calls to their response. ``refused``: calls of which nothing was stored. The sums of what the
    histograms hold, ``settle_us`` and ``answer_us``, are not kept."""

    accepted: int = 0
    refused: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    waiting: int = 0
    oldest_waiting_s: int = 0
    settle: dict[int, int] = field(default_factory=dict)
    answer: dict[int, int] = field(default_factory=dict)
    settle_us: int = 0
    answer_us: int = 0

    def add(self, later: Tally) -> None:
        """Take in what happened later; the states become the later ones, the oldest age stays."""
        self.accepted += later.accepted
        self.refused += later.refused
        self.succeeded += later.succeeded
        self.failed += later.failed
        self.retried += later.retried
        self.waiting = later.waiting
        self.oldest_waiting_s = max(self.oldest_waiting_s, later.oldest_waiting_s)
        self.settle = merged(self.settle, later.settle)
        self.answer = merged(self.answer, later.answer)
        self.settle_us += later.settle_us
        self.answer_us += later.answer_us


@dataclass(frozen=True, slots=True)
class Totals:
    """Since the trigger was made: messages accepted, executions that replays made, and executions
    that retention let go. ``waiting`` and ``running`` are of all nodes on a store that several
    share, and 0 elsewhere: there ``Journal.backlog`` tells it."""

    accepted: int
    replayed: int
    purged: int
    waiting: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """A tally as it is kept: of which trigger, from which minute on."""

    minute: int
    trigger_no: int
    tally: Tally


class Figures(Protocol):
    """Implemented by each store. Adding is safe beside reading; losing the last seconds at a crash
    is accepted, adding them twice is not."""

    async def totals(self) -> dict[int, Totals]:
        """What happened so far, by trigger, removed ones too; one row of each is read."""
        ...

    async def paused_lanes(self) -> dict[int, int]:
        """How many lanes of each trigger are paused, by a person or at a failed message; a pause of
        the whole trigger counts as one."""
        ...

    async def add(self, minute: int, tallies: dict[int, Tally]) -> None:
        """Add to the minute's row of each trigger, in one transaction; states replace what was
        there, the oldest age only by a greater one."""
        ...

    async def of_triggers(
        self, triggers: Sequence[int], *, from_minute: int, until_minute: int
    ) -> list[Figure]:
        """What is kept of these triggers, in the order of time; ``until`` exclusive."""
        ...

    async def compact(self, minute: int) -> int:
        """Make hours of the minutes that are older than ``MINUTES_KEPT`` before ``minute``, and let
        hours go that are older than ``HOURS_KEPT``; how many rows went, 0: nothing is left to do
        now. Does a bounded piece at a time; safe to repeat."""
        ...
