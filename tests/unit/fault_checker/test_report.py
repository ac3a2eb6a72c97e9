"""The table of promises shows what tests told, and hides neither a failure nor a missed defect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fault.report import Report, Table


@dataclass
class Told:
    """As much of pytest's report, and of its test, as the table reads."""

    when: str = "call"
    duration: float = 61.0
    failed: bool = False
    user_properties: list[tuple[str, Any]] = field(default_factory=list)


def told(**more: Any) -> tuple[Told, Report]:
    one = Told(**more)
    return one, Report(one)  # type: ignore[arg-type]  # stands in for the test


def test_a_row_shows_its_figures_and_a_dash_for_what_was_not_measured() -> None:
    one, report = told()
    report.row("P02", "kills", cycles=500, acknowledged=12_345, lost=0, note="p99 3 ms")
    assert Table.of([one]).cells() == [
        ["P02", "kills", "500", "12,345", "0", "-", "-", "-", "61 s", "", "p99 3 ms"]
    ]


def test_rows_of_one_name_are_added_up() -> None:
    first, second = told(), told(failed=True)
    first[1].row("P02", "kills", cycles=100, lost=0, note="seed 1")
    second[1].row("P02", "kills", cycles=100, lost=1, note="seed 2")
    (line,) = Table.of([first[0], second[0]]).cells()
    assert line == [
        *("P02", "kills", "200", "-", "1", "-", "-", "-", "122 s", ""),
        "FAILED; seed 1; seed 2",
    ]


def test_defects_stand_in_the_first_row_of_their_promise() -> None:
    first, second = told(), told()
    first[1].row("P02", "kills")
    second[1].row("P02", "start-up")
    second[1].defect("P02", "early_answer", found=True)
    assert [line[9] for line in Table.of([first[0], second[0]]).cells()] == [
        "yes (early answer)",
        "",
    ]


def test_a_defect_that_was_not_found_is_named() -> None:
    one, report = told()
    report.defect("P09", "tail", found=True)
    report.defect("P09", "head", found=False)
    ((promise, what, *_, defects, _),) = Table.of([one]).cells()
    assert (promise, what, defects) == ("P09", "planted defects", "NO: head (tail, head)")


def test_a_test_that_failed_says_so() -> None:
    one, report = told(failed=True)
    report.row("P02", "kills", lost=1, note="seed 7")
    assert Table.of([one]).cells()[0][-1] == "FAILED; seed 7"


def test_what_fixtures_report_does_not_count_twice() -> None:
    one, report = told()
    report.row("P02", "kills")
    end = Told("teardown", user_properties=one.user_properties)
    assert len(Table.of([one, end]).cells()) == 1
