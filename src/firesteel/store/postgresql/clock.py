"""One steady clock for all nodes: the database's, and nobody's jumps (P32).

What is due, when a key's window is over and how long a lease holds is told in microseconds that
begin with the database's clock. Where that is set back or forth while nodes live, they notice by
their own monotonic clocks, and agree on how far the steady clock is shifted from it: the first to
notice changes the one row that says so, and the others believe it.
"""

from __future__ import annotations

import msgspec

from firesteel.store.glance import STEADY_CLOCK
from firesteel.store.sql.clock import Clocks

CLOCK_SETTING = STEADY_CLOCK

# By so much the database's clock may differ from what is expected without having jumped.
TRUSTED_US = 1_000_000


class Shift(msgspec.Struct, frozen=True):
    """What all nodes agree on: the steady clock is the database's and ``shift_us``. ``boot`` and
    ``offset_us``: the steady clock by the monotonic clock of the machine that wrote this last."""

    shift_us: int = 0
    boot: str = ""
    offset_us: int = 0


_decoder = msgspec.json.Decoder(Shift)


def steady_us(database_us: int, told: str | None) -> int:
    """The steady clock, where the database's clock shows that; ``told``: the setting, None where no
    node was there yet."""
    return database_us + (_decoder.decode(told).shift_us if told else 0)


class NodesClock:
    """The steady clock, as one node tells it between two looks at the database's. It takes the
    place of ``sql.clock.SteadyClock``."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._offset_us: int | None = None
        self._told = ""
        self._shift = Shift()

    def now_us(self) -> int:
        """Before the first look, the node's own wall clock."""
        if self._offset_us is None:
            return self._clocks.wall_us()
        return self._offset_us + self._monotonic_us()

    def mark(self) -> int:
        """The monotonic clock, to be read before the database's clock is asked for."""
        return self._monotonic_us()

    def see(self, database_us: int, told: str, asked_us: int) -> Shift | None:
        """The database's clock and the setting, asked for at ``asked_us``. The shift that the
        setting should have, where the database's clock has jumped since the last look; the clock
        goes on as if it had."""
        mark = self._monotonic_us()
        was, known = self._offset_us, told == self._told
        if not known:
            self._told, self._shift = told, _decoder.decode(told)
        now_us = database_us + self._shift.shift_us
        # The clock was read between asking and now, which is long where the node was paused.
        lowest_us, highest_us = now_us - mark, now_us - asked_us
        if was is None:
            self._offset_us = lowest_us
            return None
        self._offset_us = min(max(was, lowest_us), highest_us)
        if not known or lowest_us - TRUSTED_US <= was <= highest_us + TRUSTED_US:
            return None
        self._offset_us = was
        return self._shifted(was + mark - database_us)

    def begin(self, last_seen_us: int, *, alone: bool) -> Shift | None:
        """After the first look. ``last_seen_us``: when a session was last seen alive. The shift
        that the setting should have: where no other node lives, the clock goes on with that of
        this machine's last life, and never before what was seen; also where only its offset is
        another."""
        assert self._offset_us is not None
        mark = self._monotonic_us()
        database_us = self._offset_us + mark - self._shift.shift_us
        if not alone:
            return None
        if self._shift.boot and self._shift.boot == self._clocks.boot:
            expected_us = self._shift.offset_us + mark
            if abs(expected_us - self._offset_us - mark) > TRUSTED_US:
                self._offset_us = self._shift.offset_us
        self._offset_us = max(self._offset_us, last_seen_us - mark)
        return self._shifted(self._offset_us + mark - database_us)

    def agreed(self, told: str) -> None:
        """The setting has this value from now on."""
        self._told, self._shift = told, _decoder.decode(told)

    def _shifted(self, shift_us: int) -> Shift:
        return Shift(shift_us, self._clocks.boot, self._offset_us or 0)

    def _monotonic_us(self) -> int:
        return int(self._clocks.monotonic_s() * 1e6)
