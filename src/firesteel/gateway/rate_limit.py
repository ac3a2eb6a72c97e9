"""Rate limits: how many calls a consumer, or a whole trigger, may make.

The generic cell rate algorithm (ITU-T I.371): a token bucket in one number, the time at which the
bucket will be full again, so that buckets which are full need not be kept.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.model.integration import RateLimit

BUCKETS_LIMIT: Final = 100_000


class RateLimiter:
    """Buckets by trigger and consumer, of this node; ``monotonic``: seconds. ``gateways``: so many
    nodes take calls, and each lets its part of a rate through (docs/decisions/0023)."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, *, limit: int = BUCKETS_LIMIT
    ) -> None:
        self._monotonic = monotonic
        self._limit = limit
        self.gateways = 1
        self._full_at: dict[tuple[int, str | None], float] = {}

    def take(self, rule: RateLimit, trigger_no: int, consumer: str | None) -> int:
        """Take one call: 0 where it may be made, else the whole seconds until the next may."""
        bucket = (trigger_no, consumer if rule.per == "consumer" else None)
        now = self._monotonic()
        spacing_s = self.gateways / rule.rate
        whole = rule.burst if rule.burst is not None else math.floor(rule.rate)
        burst = max(1, whole // self.gateways)
        full_at = max(self._full_at.get(bucket, now), now)
        wait_s = full_at - now - (burst - 1) * spacing_s
        # A billionth of a second of patience for sums of fractions.
        if wait_s > 1e-9:
            return max(1, math.ceil(wait_s))
        if bucket not in self._full_at and len(self._full_at) >= self._limit:
            self._forget(now)
        self._full_at[bucket] = full_at + spacing_s
        return 0

    def _forget(self, now: float) -> None:
        """Drop the buckets that are full; where all are in use, the one begun first."""
        self._full_at = {key: full for key, full in self._full_at.items() if full > now}
        if len(self._full_at) >= self._limit:
            del self._full_at[next(iter(self._full_at))]
