"""Full runs of the fault tests add up, over interruptions, and hide neither gaps nor failures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fault.gathered import (
    UNKNOWN_S,
    Gathered,
    Result,
    Wanted,
    duration,
    fresh_line,
    results,
    taken,
)
from tests.fault.report import DEFECT, ROW

KILLS = [f"test_crash.py::test_p02_kills[{part}]" for part in range(3)]
PLANTED = "test_crash.py::test_p02_fails_when_acknowledged_early"
CUTS = "test_power.py::test_p03_power_cut"
TESTS = [Wanted(name, reports=True) for name in [*KILLS, PLANTED, CUTS]]


def row(promise: str, what: str, **figures: Any) -> tuple[str, dict[str, Any]]:
    return ROW, {"promise": promise, "what": what, **figures}


def found(test: str, *told: tuple[str, dict[str, Any]], **more: Any) -> Result:
    known = {"commit": "c1", "source": "s1", "at": "2026-11-30T10:00:00+00:00", "failed": False}
    return Result(test, "full", told=list(told), **{"seconds": 100.0, **known, **more})


def kills(part: int, **more: Any) -> Result:
    return found(KILLS[part], row("P02", "kills", cycles=100, lost=0), **more)


def gathered(*standing: Result, known: list[Result] | None = None) -> Gathered:
    return Gathered(known or list(standing), standing, TESTS, {CUTS: 3000.0})


# --- the file -----------------------------------------------------------------------------------


def test_what_was_written_comes_back() -> None:
    written = [kills(0), found(PLANTED, (DEFECT, {"promise": "P02", "name": "x", "found": True}))]
    assert results([result.line() for result in written]) == (written, written)


def test_a_line_that_was_cut_off_by_a_kill_costs_no_other() -> None:
    lines = [kills(0).line(), kills(1).line()[:40], kills(2).line()]
    assert results(lines)[0] == [kills(0), kills(2)]


def test_a_fresh_start_lets_nothing_stand_but_what_comes_behind_it() -> None:
    lines = [kills(0).line(), fresh_line("2026-11-30"), kills(1).line()]
    assert results(lines) == ([kills(0), kills(1)], [kills(1)])


@pytest.mark.parametrize(
    ("changed", "stands"),
    [
        ({}, True),
        ({"commit": "c9"}, True),
        ({"source": "s9"}, False),
        ({"source": "s9", "commit": "c2"}, True),
        ({"source": "s9", "commit": "c2+"}, True),
        ({"size": "soak"}, False),
    ],
)
def test_a_result_stands_on_the_same_source_or_on_a_commit_that_is_taken(
    changed: dict[str, str], stands: bool
) -> None:
    assert taken("s1", frozenset(["c2"]), "full")(replace(kills(0), **changed)) is stands  # type: ignore[arg-type]


# --- going on -----------------------------------------------------------------------------------


def test_what_has_not_run_is_left_and_behind_it_what_has_failed() -> None:
    so_far = gathered(kills(0, failed=True), kills(1))
    assert [test.name for test in so_far.left()] == [KILLS[2], PLANTED, CUTS, KILLS[0]]
    so_far.add(kills(0))
    so_far.add(kills(2, failed=True))
    assert [test.name for test in so_far.left()] == [PLANTED, CUTS, KILLS[2]]
    assert so_far.failed == [KILLS[2]]


def test_results_of_tests_that_are_not_asked_for_count_for_nothing() -> None:
    so_far = gathered(found("test_other.py::test_p99_x", row("P99", "x"), failed=True))
    assert so_far.failed == []
    assert so_far.notes()[0].startswith("0 of 5 tests have passed, 0 failed, 5 have not run yet")


def test_a_test_takes_what_it_took_or_what_its_other_parts_took_or_what_is_said_of_it() -> None:
    so_far = gathered(kills(0, seconds=50.0), kills(1, seconds=70.0))
    took = [so_far.seconds(test) for test in TESTS]
    assert took == [50.0, 70.0, 60.0, UNKNOWN_S, 3000.0]


def test_only_what_fits_is_chosen_in_the_order_of_what_is_left() -> None:
    so_far = gathered(kills(0, seconds=200.0), kills(1, seconds=100.0))
    assert [test.name for test in so_far.fitting(220.0)] == [KILLS[2], PLANTED]
    assert [test.name for test in so_far.fitting(100.0)] == [PLANTED]


@pytest.mark.parametrize(
    ("seconds", "words"), [(40.4, "40 s"), (100, "2 min"), (3900, "1 h 5 min"), (7200, "2 h 0 min")]
)
def test_durations_are_told_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("test", "promise", "words"),
    [
        ("t.py::test_p02_kills[3]", "P02", "kills"),
        ("t.py::test_p07_to_p14_p18_the_list[0]", "P07", "the list"),
        ("t.py::test_a_node_when[p09-busy_lane]", "P09", "busy lane"),
        ("t.py::test_workers_sleep", "", "workers sleep"),
    ],
)
def test_a_name_tells_the_promise_and_what_was_done(test: str, promise: str, words: str) -> None:
    wanted = Wanted(test, reports=True)
    assert (wanted.promise, wanted.words) == (promise, words)


# --- the table ----------------------------------------------------------------------------------


def test_parts_add_up_and_what_is_missing_is_marked() -> None:
    planted = found(PLANTED, (DEFECT, {"promise": "P02", "name": "early", "found": True}))
    assert gathered(kills(0), kills(2), planted).table().cells() == [
        [
            *("P02", "kills", "200", "-", "0", "-", "-", "-", "200 s", "yes (early)"),
            "1 of 3 NOT RUN YET",
        ],
        ["P03", "power cut", "-", "-", "-", "-", "-", "-", "-", "", "NOT RUN YET"],
    ]


def test_a_planted_defect_that_was_not_hunted_yet_is_marked() -> None:
    assert gathered(kills(0), kills(1), kills(2)).table().cells()[0][9] == "1 NOT RUN YET"


def test_what_is_missing_has_the_name_that_it_told_at_another_time() -> None:
    earlier = found(CUTS, row("P03", "power cut, all images judged"), source="s0")
    cells = gathered(known=[earlier]).table().cells()
    assert [line[:2] for line in cells if line[0] == "P03"] == [
        ["P03", "power cut, all images judged"]
    ]


def test_a_failure_that_was_not_seen_again_stays_in_the_table() -> None:
    first = kills(0, failed=True, commit="abcdef0123")
    note = gathered(first, kills(0)).table().cells()[0][-1]
    assert note == "2 of 3 NOT RUN YET; failed once before (2026-11-30, abcdef01)"


def test_a_failure_says_so_also_where_it_told_nothing() -> None:
    so_far = gathered(found(CUTS, failed=True))
    assert so_far.table().cells()[-1][:2] == ["P03", "power cut"]
    assert so_far.table().cells()[-1][-1] == "FAILED"


def test_the_notes_tell_how_much_is_missing_and_what_all_was_found_on() -> None:
    so_far = gathered(kills(0, commit="c1"), kills(1, commit="c2", failed=True))
    assert so_far.notes() == [
        "1 of 5 tests have passed, 1 failed, 3 have not run yet: about 54 min more.",
        "Found on c1 (2026-11-30); c2 (2026-11-30).",
    ]
    assert [line.split() for line in so_far.left_lines()] == [
        ["3", "min", "test_crash.py::test_p02_kills", "(2", "parts)"],
        ["15", "s", PLANTED],
        ["50", "min", CUTS],
    ]
