"""Rate limits: how many calls a consumer, or a whole trigger, may make.

The generic cell rate algorithm (ITU-T I.371): a token bucket in one number, the time at which the
bucket will be full again, so that buckets which are full need not be kept. What is left of one is
told with every answer (draft-ietf-httpapi-ratelimit-headers-11).
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.model.integration import RateLimit

BUCKETS_LIMIT: Final = 100_000


class Taken(NamedTuple):
    """``wait_s``: 0 where the call may be made, else the whole seconds until the next may.
    ``headers``: the lines ``RateLimit-Policy`` and ``RateLimit``."""

    wait_s: int
    headers: bytes


def burst_of(rule: RateLimit) -> int:
    """How many calls may come at once."""
    return max(1, rule.burst if rule.burst is not None else math.floor(rule.rate))


def policy_of(rule: RateLimit) -> bytes:
    """The line ``RateLimit-Policy``: the bucket's size, and the whole seconds in which an empty one
    is full again, rounded up."""
    burst = burst_of(rule)
    window_s = max(1, math.ceil(burst / rule.rate - 1e-9))
    return b'ratelimit-policy: "%b";q=%d;w=%d\r\n' % (rule.per.encode(), burst, window_s)


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

    def take(
        self, rule: RateLimit, trigger_no: int, consumer: str | None, policy: bytes = b""
    ) -> Taken:
        """Take one call. ``policy``: what ``policy_of`` made of the rule."""
        bucket = (trigger_no, consumer if rule.per == "consumer" else None)
        now = self._monotonic()
        spacing_s = self.gateways / rule.rate
        burst = max(1, burst_of(rule) // self.gateways)
        full_at = max(self._full_at.get(bucket, now), now)
        wait_s = full_at - now - (burst - 1) * spacing_s
        # A billionth of a second of patience for sums of fractions.
        if wait_s > 1e-9:
            whole_s = max(1, math.ceil(wait_s))
            return Taken(whole_s, policy + _left(rule.per, 0, whole_s))
        if bucket not in self._full_at and len(self._full_at) >= self._limit:
            self._forget(now)
        self._full_at[bucket] = full_at = full_at + spacing_s
        missing = (full_at - now) / spacing_s
        left = math.floor(burst - missing + 1e-9)
        more_in_s = (missing - (burst - left) + 1) * spacing_s
        return Taken(0, policy + _left(rule.per, left, max(1, math.ceil(more_in_s - 1e-9))))

    def _forget(self, now: float) -> None:
        """Drop the buckets that are full; where all are in use, the one begun first."""
        self._full_at = {key: full for key, full in self._full_at.items() if full > now}
        if len(self._full_at) >= self._limit:
            del self._full_at[next(iter(self._full_at))]


def _left(per: str, calls: int, seconds: int) -> bytes:
    """The line ``RateLimit``: so many calls may come at once, and one more in so many seconds."""
    return b'ratelimit: "%b";r=%d;t=%d\r\n' % (per.encode(), calls, seconds)
