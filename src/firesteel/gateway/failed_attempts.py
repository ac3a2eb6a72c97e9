"""How often calls from one address may present wrong credentials to one trigger.

The generic cell rate algorithm, as in ``rate_limit``: so many at once, and one more each few
seconds. Whoever is over it is told when to go on before any credential is looked at, or guessing
would go on at the same pace. Calls without credentials are no guesses, and are not counted.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.model.forwarded import IPAddress

AT_ONCE: Final = 30
ONE_MORE_S: Final = 2.0
KEPT_MOST: Final = 20_000
SWEEP_S: Final = 10.0


class FailedAttempts:
    """By network and trigger, of this node; ``monotonic``: seconds. ``any`` False: nobody has
    failed of late, and there is nothing to look at."""

    __slots__ = ("_free_at", "_monotonic", "_most", "_sweep_at", "any")

    def __init__(self, monotonic: Callable[[], float], *, most: int = KEPT_MOST) -> None:
        self._monotonic = monotonic
        self._most = most
        self._free_at: dict[tuple[int, int], float] = {}
        self._sweep_at = 0.0
        self.any = False

    def wait_s(self, address: IPAddress | None, trigger_no: int) -> int:
        """0 where credentials may be presented, else the whole seconds until they may."""
        now = self._monotonic()
        if now >= self._sweep_at:
            self._sweep(now)
        free_at = self._free_at.get((network_of(address), trigger_no), now)
        over_s = free_at - now - (AT_ONCE - 1) * ONE_MORE_S
        return math.ceil(over_s) if over_s > 0 else 0

    def count(self, address: IPAddress | None, trigger_no: int) -> None:
        """Wrong credentials were presented."""
        now = self._monotonic()
        key = (network_of(address), trigger_no)
        if key not in self._free_at and len(self._free_at) >= self._most:
            self._sweep(now)
            if len(self._free_at) >= self._most:
                del self._free_at[next(iter(self._free_at))]
        self._free_at[key] = max(self._free_at.get(key, now), now) + ONE_MORE_S
        self.any = True

    def _sweep(self, now: float) -> None:
        """Forget those whose failures are over."""
        self._sweep_at = now + SWEEP_S
        self._free_at = {key: free for key, free in self._free_at.items() if free > now}
        self.any = bool(self._free_at)


def network_of(address: IPAddress | None) -> int:
    """The address as a number, of IPv6 its first 64 bits: a host has a whole /64 to itself. Callers
    whose address is not known share one."""
    if address is None:
        return -1
    return int(address) if address.version == 4 else int(address) >> 64 << 64  # the version's own
