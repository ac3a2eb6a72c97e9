"""What a node counts of itself since its engine was started, in plain numbers.

Counting costs a call less than half a microsecond in all: no locks, no labels, no objects. What
they mean is said where they are shown (``admin.metrics``). A number is written by one thread, and
read by any.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_CLASSES: Final = 64
STATUS_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")


class Distribution:
    """Whole numbers (microseconds, commands) counted by powers of two: ``counts[n]`` are those that
    are over 2^(n-1) and at most 2^n, ``counts[0]`` those that are 1. What is below counts as 1."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * _CLASSES
        self.total = 0

    def add(self, value: int) -> None:
        """One more."""
        if value > 1:
            self.counts[(value - 1).bit_length()] += 1
            self.total += value
        else:
            self.counts[0] += 1
            self.total += 1

    def merge(self, other: Distribution) -> None:
        """Take in what another has counted."""
        self.counts = [one + more for one, more in zip(self.counts, other.counts, strict=True)]
        self.total += other.total


class CommitMeter:
    """Of the store's writing thread. ``took_us``: a transaction from its beginning to the end of
    its flush; ``sizes``: commands in it; ``failed``: transactions that were rolled back, or of
    which nobody knows, ``failing``: the last one was; ``committed_s``: when the last one was
    committed, by ``time.monotonic``."""

    __slots__ = ("committed_s", "failed", "failing", "sizes", "took_us")

    def __init__(self) -> None:
        self.took_us = Distribution()
        self.sizes = Distribution()
        self.failed = 0
        self.failing = False
        self.committed_s = time.monotonic()

    def fail(self) -> None:
        """A transaction was not committed."""
        self.failed += 1
        self.failing = True

    def committed(self, took_s: float, size: int) -> None:
        """A transaction is committed and flushed."""
        self.took_us.add(int(took_s * 1e6))
        self.sizes.add(size)
        self.failing = False
        self.committed_s = time.monotonic()


class TriggerMeter:
    """Of one trigger. ``answers`` by the first digit of the status; ``refused`` by the code of the
    problem, nothing was stored of those; ``accept_us``: from the complete request to the commit;
    ``failed_attempts`` by the kind of the failure."""

    __slots__ = ("accept_us", "answers", "failed_attempts", "refused")

    def __init__(self) -> None:
        self.answers = [0] * 6
        self.refused: Counter[str] = Counter()
        self.accept_us = Distribution()
        self.failed_attempts: Counter[str] = Counter()

    def merge(self, other: TriggerMeter) -> None:
        """Take in what another has counted."""
        self.answers = [one + more for one, more in zip(self.answers, other.answers, strict=True)]
        self.refused.update(other.refused)
        self.accept_us.merge(other.accept_us)
        self.failed_attempts.update(other.failed_attempts)


@dataclass(frozen=True, slots=True)
class PortFigures:
    """Of a listener: ``connections`` now, ``refused`` requests by the code of their problem."""

    name: str
    connections: int
    turned_away: int
    refused: Mapping[str, int]


class Meter:
    """Of one engine process. ``elsewhere``: answers to calls of no trigger, by the first digit of
    the status; ``ports`` and ``held_bodies`` (bytes by place) tell how it is now;
    ``taken_over``: executions taken over from sessions that had ended."""

    def __init__(self) -> None:
        self.triggers: defaultdict[int, TriggerMeter] = defaultdict(TriggerMeter)
        self.elsewhere = [0] * 6
        self.ports: Callable[[], Sequence[PortFigures]] = tuple
        self.held_bodies: Callable[[], Mapping[str, int]] = dict
        self.taken_over = 0
