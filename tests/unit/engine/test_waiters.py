"""Waiting callers: each is told once."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable

import pytest

from firesteel.engine.calls import Acceptance
from firesteel.engine.waiters import Waiters
from firesteel.model.execution import Response

RESPONSE = Response(200, [], b"x")


class Told:
    """A caller that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Response | str] = []
        self.something = asyncio.Event()

    def accepted(self, acceptance: Acceptance) -> None:
        raise AssertionError("it was accepted before")

    def refused(self, error: Exception) -> None:
        raise AssertionError("it was accepted before")

    def answered(self, response: Response) -> None:
        self._tell(response)

    def overdue(self) -> None:
        self._tell("overdue")

    def left_alone(self) -> None:
        self._tell("left alone")

    def _tell(self, what: Response | str) -> None:
        self.told.append(what)
        self.something.set()


async def test_every_caller_of_an_execution_gets_its_response_and_nobody_elses() -> None:
    waiters = Waiters()
    first, second, other = Told(), Told(), Told()
    for execution_no, caller in ((1, first), (1, second), (2, other)):
        assert waiters.add(execution_no, 60, caller)
    waiters.answer(1, RESPONSE)
    waiters.answer(1, Response(500, [], b"again"))
    assert (first.told, second.told, other.told) == ([RESPONSE], [RESPONSE], [])
    assert len(waiters) == 1


async def test_a_caller_whose_time_is_over_is_told_so_and_disturbs_no_answer() -> None:
    waiters = Waiters()
    late, patient = Told(), Told()
    waiters.add(1, 0.0, late)
    waiters.add(1, 60, patient)
    await late.something.wait()
    waiters.answer(1, RESPONSE)
    assert (late.told, patient.told) == (["overdue"], [RESPONSE])


async def test_a_caller_that_goes_away_is_told_nothing() -> None:
    waiters = Waiters()
    gone, patient = Told(), Told()
    waiters.add(1, 60, gone)
    waiters.add(1, 60, patient)
    assert waiters.forget(1, gone)
    assert waiters.forget(1, gone) is False
    assert len(waiters) == 1
    waiters.answer(1, RESPONSE)
    assert (gone.told, patient.told) == ([], [RESPONSE])


async def test_a_stopping_node_leaves_alone_those_that_wait_and_those_that_come() -> None:
    waiters = Waiters()
    waits, comes = Told(), Told()
    waiters.add(1, 60, waits)
    waiters.stop()
    assert waiters.add(2, 60, comes) is False
    assert (waits.told, comes.told) == (["left alone"], ["left alone"])
    assert len(waiters) == 0


@pytest.mark.parametrize(
    "leave",
    [
        lambda waiters, _caller: waiters.answer(1, RESPONSE),
        lambda waiters, caller: waiters.forget(1, caller),
        lambda waiters, _caller: waiters.stop(),
    ],
    ids=["answered", "gone", "left alone"],
)
async def test_p21_nothing_is_kept_of_a_caller_that_waits_no_more(
    leave: Callable[[Waiters, Told], object],
) -> None:
    waiters = Waiters()
    caller = Told()
    waiters.add(1, 60, caller)
    leave(waiters, caller)
    left = weakref.ref(caller)
    del caller
    assert left() is None


# --- several nodes ------------------------------------------------------------------------------


async def test_what_others_say_has_ended_is_looked_for_whoever_waited_first() -> None:
    waiters, looked_for = Waiters(), list[int]()
    waiters.look_for = looked_for.append
    waiters.add(1, 60, Told())
    assert waiters.ended([1, 2, 3]) == {1}
    assert looked_for == []
    waiters.add(4, 60, Told())
    waiters.add(1, 60, Told())
    assert looked_for == []
    waiters.add(2, 60, Told())
    assert looked_for == [2]
    waiters.stop()


async def test_of_what_has_ended_elsewhere_only_so_much_is_kept_in_mind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("firesteel.engine.waiters.KEPT_IN_MIND", 3)
    waiters, looked_for = Waiters(), list[int]()
    waiters.look_for = looked_for.append
    waiters.ended([1, 2])
    waiters.ended([3, 4])
    for execution_no in (1, 2, 3, 4):
        waiters.add(execution_no, 60, Told())
    assert looked_for == [2, 3, 4]
    waiters.stop()


async def test_it_is_known_who_has_waited_for_how_long() -> None:
    waiters, loop = Waiters(), asyncio.get_running_loop()
    before = loop.time()
    waiters.add(1, 60, Told(), trigger_no=7)
    waiters.add(1, 60, Told(), trigger_no=8)
    waited = waiters.waited(1)
    assert [trigger_no for trigger_no, _ in waited] == [7, 8]
    assert all(0 <= seconds <= loop.time() - before for _, seconds in waited)
    assert waiters.waited(2) == []
    waiters.stop()
