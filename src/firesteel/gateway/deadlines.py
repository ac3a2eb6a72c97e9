"""Deadlines of a connection (P26), checked once a second for all connections.

One sweep over the connections costs less than a timer for each request: a thousand connections
are looked at in well under a millisecond.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

SWEEP_S: Final = 1.0
_WINDOW_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Deadlines:
    """``head_s``: from the connection's beginning, or a request's first byte, to the end of the
    head. ``idle_s``: between requests. ``body_s``: for the whole body; ``body_bytes_per_s``: over
    any 10 s after the first ``body_grace_s``. ``linger_s``: how long what a refused client still
    sends is read and dropped, so that it sees the answer."""

    head_s: float = 10.0
    idle_s: float = 30.0
    body_s: float = 300.0
    body_bytes_per_s: float = 1000.0
    body_grace_s: float = 10.0
    linger_s: float = 2.0
    handshake_s: float = 10.0


class BodyPace:
    """Whether a body arrives fast enough; fed with one sample a sweep."""

    __slots__ = ("_began", "_deadlines", "_samples")

    def __init__(self, deadlines: Deadlines, began: float) -> None:
        self._deadlines = deadlines
        self._began = began
        self._samples: deque[tuple[float, int]] = deque()

    def too_slow(self, now: float, received_bytes: int) -> bool:
        """``now``: monotonic seconds. ``received_bytes``: of the connection, ever growing."""
        deadlines, samples = self._deadlines, self._samples
        if now - self._began > deadlines.body_s:
            return True
        if now - self._began < deadlines.body_grace_s:
            return False
        samples.append((now, received_bytes))
        while len(samples) > 1 and now - samples[1][0] >= _WINDOW_S:
            samples.popleft()
        since, before_bytes = samples[0]
        if now - since < _WINDOW_S:
            return False
        return received_bytes - before_bytes < deadlines.body_bytes_per_s * (now - since)

    def restart(self) -> None:
        """Forget the samples: for a while it was us who did not read."""
        self._samples.clear()
