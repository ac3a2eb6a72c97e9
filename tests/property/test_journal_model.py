"""The journal does what a plain list would: hypothesis plays engine and people against both."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings

from tests.conftest import Size
from tests.fault.report import Report
from tests.property.journal_defects import DEFECTS, planted
from tests.property.journal_machine import JournalMachine

PIECES = 10
MACHINES = {"quick": 20, "full": 500, "soak": 5000}
"""In each piece; the quick size plays the first piece only."""
HUNTED = 400
"""Machines within which a planted defect must be found."""
RARE = (
    "lane_advanced_while_paused",
    "due_times_left_behind",
    "replayed_under_the_old_version",
)
"""Defects that show in a few machines of a hundred only: hunted in the full size."""

MACHINE = settings(
    stateful_step_count=40,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def play(chosen: settings, played: type[JournalMachine] = JournalMachine) -> None:
    """Raises AssertionError, or what the store raised, where it does not what the list does."""
    machine = played.TestCase
    machine.settings = chosen
    machine().runTest()


def hunt(played: type[JournalMachine] = JournalMachine) -> bool:
    """Whether machines come upon anything, which the defect that is planted must have caused."""
    chosen = settings(
        MACHINE,
        max_examples=HUNTED,
        derandomize=True,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
    )
    try:
        play(chosen, played)
    except Exception:  # noqa: BLE001  # whatever the defect led to was seen
        return True
    return False


@pytest.mark.parametrize(
    "piece",
    [pytest.param(piece, marks=pytest.mark.full if piece else ()) for piece in range(PIECES)],
)
def test_p07_to_p14_p18_p22_p32_the_journal_does_what_a_list_would(
    piece: int, size: Size, report: Report
) -> None:
    """In the quick size always the same machines, in the others new ones each time."""
    play(settings(MACHINE, max_examples=MACHINES[size], derandomize=size == "quick"))
    report.row("P07", "machines that play against a list", cycles=MACHINES[size])


@pytest.mark.parametrize(
    "defect",
    [pytest.param(name, marks=pytest.mark.full if name in RARE else ()) for name in DEFECTS],
)
def test_the_machine_finds(defect: str, report: Report) -> None:
    with planted(DEFECTS[defect][1]):
        found = hunt()
    report.defect(DEFECTS[defect][0], defect, found=found)
    assert found
