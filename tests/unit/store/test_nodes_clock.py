"""The clock that nodes share goes by the database's, and no jump or pause moves it (P32)."""

from __future__ import annotations

import msgspec

from firesteel.store.postgresql.clock import NodesClock, Shift
from firesteel.store.sql.clock import Clocks

TOLD = msgspec.json.encode(Shift()).decode()
BEGAN_US = 1_900_000_000_000_000
HOUR_S = 3600.0


class Machine:
    """A node's monotonic clock, and the database's, which is set back or forth."""

    def __init__(self) -> None:
        self.passed_s = 100.0
        self.set_by_s = 0.0
        self.clock = NodesClock(Clocks(lambda: BEGAN_US, lambda: self.passed_s))
        assert self.look() is None

    @property
    def true_us(self) -> int:
        return BEGAN_US + int(self.passed_s * 1e6)

    def look(self, *, late_s: float = 0.0) -> Shift | None:
        """Ask for the database's clock; the answer is read ``late_s`` after it was given."""
        asked_us = self.clock.mark()
        answer_us = self.true_us + int(self.set_by_s * 1e6)
        self.passed_s += late_s
        return self.clock.see(answer_us, TOLD, asked_us)


def test_p32_an_answer_that_is_read_late_moves_no_clock() -> None:
    machine = Machine()
    assert machine.look(late_s=10.0) is None
    assert machine.clock.now_us() == machine.true_us
    machine.passed_s += 5.0
    assert machine.look() is None, "taken for a jump of the database's clock"
    assert machine.clock.now_us() == machine.true_us


def test_p32_a_jump_of_the_databases_clock_is_told_to_all_nodes_and_moves_nothing() -> None:
    for jump_s in (HOUR_S, -HOUR_S):
        machine = Machine()
        machine.look(late_s=10.0)
        machine.set_by_s = jump_s
        shift = machine.look()
        assert shift is not None
        assert shift.shift_us == -int(jump_s * 1e6)
        assert machine.clock.now_us() == machine.true_us
