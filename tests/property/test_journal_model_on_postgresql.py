"""The journal on PostgreSQL does what a plain list would, and its triggers' rows count right."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant

from tests.conftest import Size
from tests.fault.report import Report
from tests.property.journal_defects import planted
from tests.property.journal_machine import JournalMachine
from tests.property.postgresql_defects import POSTGRESQL_DEFECTS
from tests.property.store_under_test import PostgresqlUnderTest
from tests.property.test_journal_model import MACHINE, PIECES, hunt, play
from tests.support.postgres import Postgres

# Each move is several journeys to a server here.
MACHINES = {"quick": 5, "full": 100, "soak": 1000}
QUICKLY_FOUND = (
    "taken_over_with_its_epoch",
    "interruption_not_told",
    "counts_written_with_the_sequence_only",
    "keys_not_asked_for",
)
"""The others are hunted in the full size."""


class PostgresqlMachine(JournalMachine):
    """Its store is on PostgreSQL."""

    make = PostgresqlUnderTest
    lost_hold_room = True

    @invariant()
    def triggers_rows_count_what_there_is(self) -> None:
        """P07, P11: waiting and running, of sessions that have died too."""
        if self.store is not None:
            self._synchronise()
            assert cast(PostgresqlUnderTest, self.under_test).miscounted() == []


@pytest.fixture(autouse=True)
def server(postgres: Postgres, migrated_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machines' databases are made."""
    monkeypatch.setattr(PostgresqlUnderTest, "server", postgres, raising=False)
    monkeypatch.setattr(PostgresqlUnderTest, "template", migrated_database, raising=False)


@pytest.mark.parametrize(
    "piece",
    [pytest.param(piece, marks=pytest.mark.full if piece else ()) for piece in range(PIECES)],
)
def test_p07_to_p14_p18_p22_p32_the_journal_on_postgresql_does_what_a_list_would(
    piece: int, size: Size, report: Report
) -> None:
    """In the quick size always the same machines, in the others new ones each time."""
    machines = MACHINES[size]
    chosen = settings(MACHINE, max_examples=machines, derandomize=size == "quick")
    play(chosen, PostgresqlMachine)
    report.row("P07", "machines that play against a list, on PostgreSQL", cycles=machines)


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(name, marks=() if name in QUICKLY_FOUND else pytest.mark.full)
        for name in POSTGRESQL_DEFECTS
    ],
)
def test_the_machine_finds_on_postgresql(defect: str, report: Report) -> None:
    promise, plant = POSTGRESQL_DEFECTS[defect]
    with planted(plant):
        found = hunt(PostgresqlMachine)
    report.defect(promise, f"{defect}, on PostgreSQL", found=found)
    assert found
