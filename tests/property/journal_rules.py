"""What machine, model and store agree on: the triggers' rules, the retries, and an injected clock.

The figures are those of the port's text and of docs/decisions (0004, 0015), not the adapters'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firesteel.model.integration import Retry

SHARE = 8
"""A trigger runs at most so many times what it leaves free."""
ALONE_AFTER = 3
"""Interruptions that make an execution a suspect."""
RETRY = Retry(attempts=3, first_delay_s=10.0, factor=2.0, max_delay_s=60.0)
GIVE_UP_AFTER_S = 3600.0
HISTORY_S = 30 * 86400.0
"""How long messages are kept."""
TRUSTED_GAP_S = 86400.0
"""A node cannot tell how long it was off: by so much each restart may age what it keeps."""

Order = Literal["none", "one", "keyed"]
LANES: dict[Order, list[str | None]] = {"none": [None], "one": [""], "keyed": ["a", "b"]}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a version of an integration says that the journal must know."""

    order: Order = "none"
    concurrency: int = 3
    max_waiting: int = 1000
    on_failure: Literal["continue", "pause"] = "continue"


class Clock:
    """A wall clock that jumps and a monotonic one that does not. ``steady_us`` is what a store has
    to go by within a session: it begins with the wall clock's time and goes on monotonically."""

    def __init__(self) -> None:
        self.true_s = 0.0
        self.wall_offset_s = 1_900_000_000.0
        self._begun_at_us = 0
        self._begun_s = 0.0
        self._last_seen_us = 0

    def wall_us(self) -> int:
        """For the store."""
        return int((self.wall_offset_s + self.true_s) * 1e6)

    def monotonic_s(self) -> float:
        """For the store."""
        return self.true_s

    @property
    def steady_us(self) -> int:
        """Of this session."""
        return self._begun_at_us + int((self.true_s - self._begun_s) * 1e6)

    def seen(self) -> None:
        """The session has renewed its lease, or ended in good order."""
        self._last_seen_us = self.steady_us

    def begin_session(self) -> int:
        """How far this session's time begins before the last that was seen of the one before."""
        self._begun_at_us, self._begun_s = self.wall_us(), self.true_s
        moved_us = max(self._last_seen_us - self._begun_at_us, 0)
        self.seen()
        return moved_us
