"""The clock by which retention measures ages: a jump of the wall clock ages nothing (P32).

Messages carry the wall clock's time. If that clock is set forward by a month, all of them look a
month older at once. So retention goes by this clock, which never runs ahead of the time that has
really passed: after a jump forward it goes on as before, for as long as the longest retention
lasts. By then everything from before the jump has reached its age by true time, and the wall clock
can be believed again. A wall clock that was set back is believed at once: it makes nothing older.
"""

from __future__ import annotations

import msgspec

from firesteel.store.sql.clock import Clocks

# Clocks are corrected in small steps all the time.
_TOLERANCE_US = 60 * 1_000_000
# A node that was off for longer than this, as it seems, may have been started with a wrong clock.
_LONGEST_TRUSTED_GAP_US = 24 * 3600 * 1_000_000


class ClockState(msgspec.Struct, frozen=True):
    """What outlives a restart: retention's time, the wall clock's at that moment, and until when
    (in retention's time) the wall clock is not believed."""

    retention_us: int
    wall_us: int
    held_until_us: int | None = None


class RetentionClock:
    """Made when the store is opened, so that it sees every jump from then on."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._held_until_us: int | None = None
        self._begun_at_us = clocks.wall_us()
        self._begun_s = clocks.monotonic_s()
        self._set(self._begun_at_us)

    def go_on_from(self, saved: ClockState) -> None:
        """``saved``: the state of an earlier life. To be called once, before all else."""
        gap_us = min(max(self._begun_at_us - saved.wall_us, 0), _LONGEST_TRUSTED_GAP_US)
        begun_us = min(saved.retention_us + gap_us, self._begun_at_us)
        self._base_us = begun_us - int(self._begun_s * 1e6)
        self._held_until_us = saved.held_until_us

    def now_us(self, longest_retention_us: int) -> int:
        """Microseconds since 1970, at most the wall clock's. ``longest_retention_us``: how long
        the wall clock is not believed after a jump."""
        wall_us = self._clocks.wall_us()
        passed_us = self._base_us + int(self._clocks.monotonic_s() * 1e6)
        if wall_us - passed_us <= _TOLERANCE_US:
            self._held_until_us = None
        elif self._held_until_us is None:
            self._held_until_us = passed_us + longest_retention_us
        if self._held_until_us is not None and passed_us < self._held_until_us:
            return passed_us
        self._held_until_us = None
        self._set(wall_us)
        return wall_us

    def state(self, longest_retention_us: int) -> ClockState:
        """What to keep for the next life."""
        now_us = self.now_us(longest_retention_us)
        return ClockState(now_us, self._clocks.wall_us(), self._held_until_us)

    def _set(self, now_us: int) -> None:
        self._base_us = now_us - int(self._clocks.monotonic_s() * 1e6)
