"""Defects of the journal on PostgreSQL that the machine must find: each breaks one promise.

Those of the rules that both databases share are in ``journal_defects``; these are in what is
PostgreSQL's own: its statements, and what a node remembers beside other nodes.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

import pytest

from firesteel.store.ledger.mirror import LaneName
from firesteel.store.postgresql import claims, pen, sessions
from firesteel.store.postgresql.appends import SharedAppends
from firesteel.store.postgresql.clock import NodesClock
from firesteel.store.postgresql.mirror import SharedMirror, SharedTrigger
from firesteel.store.postgresql.pen import PostgresqlPen
from tests.property.journal_defects import by_name


def _reworded(
    patch: pytest.MonkeyPatch, module: types.ModuleType, name: str, was: str, becomes: str
) -> None:
    """Another text of a statement."""
    text = getattr(module, name)
    assert was in text
    patch.setattr(module, name, text.replace(was, becomes))


def taken_over_with_its_epoch(patch: pytest.MonkeyPatch) -> None:
    """P14: what a dead session ran keeps its epoch."""
    _reworded(patch, sessions, "_TAKE_OVER", "epoch = e.epoch + 1", "epoch = e.epoch")


def interruption_not_told(patch: pytest.MonkeyPatch) -> None:
    """P16: what was cut off by the end of its session counts against its attempts."""
    _reworded(patch, sessions, "_TAKE_OVER", "counted = e.counted - 1", "counted = e.counted")


def counts_written_with_the_sequence_only(patch: pytest.MonkeyPatch) -> None:
    """P07: the row's counts stay as they were where nothing was accepted."""
    changed_rows = SharedMirror.changed_rows

    def with_the_sequence(self: SharedMirror) -> list[tuple[int, int, int, int]]:
        held: dict[int, Any] = dict(self.triggers)
        return [row for row in changed_rows(self) if row[1] != held[row[0]].read[0]]

    patch.setattr(SharedMirror, "changed_rows", with_the_sequence)


def concurrency_of_each_session(patch: pytest.MonkeyPatch) -> None:
    """P11: what other sessions run takes no room."""
    rule = SharedTrigger.rule

    def own(self: SharedTrigger, concurrency: int, *rest: Any) -> None:
        rule(self, concurrency + self.elsewhere, *rest)

    patch.setattr(SharedTrigger, "rule", own)


def keys_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    """P22: keys that other transactions have kept are not seen."""
    patch.setattr(SharedAppends, "_known_key", lambda self, name: None)


def lanes_taken_for_empty(patch: pytest.MonkeyPatch) -> None:
    """P09: a lane that this session has not seen has nobody in it."""

    def empty(self: SharedMirror, names: Sequence[LaneName]) -> dict[LaneName, int]:
        return dict.fromkeys(names, 0)

    patch.setattr(SharedMirror, "look_at_lanes", empty)


def youngest_at_the_head(patch: pytest.MonkeyPatch) -> None:
    """P09: of a lane the last one goes next."""
    for name in ("_WHOLE_HEADS", "_BARE_HEADS"):
        _reworded(patch, claims, name, "ORDER BY e.position", "ORDER BY e.position DESC")


def ripe_before_its_time(patch: pytest.MonkeyPatch) -> None:
    """P10: where one retry is due, all of its trigger go."""
    _reworded(patch, claims, "_RIPEN", "<= ?::BIGINT", "<= 2 * ?::BIGINT")


def lane_not_stopped(patch: pytest.MonkeyPatch) -> None:
    """P10: that a lane stands at a failed head is remembered by one session only."""
    patch.setattr(PostgresqlPen, "stop_lanes", lambda self, rows: None)


def attempt_not_counted_in_the_row(patch: pytest.MonkeyPatch) -> None:
    """P16: an attempt that its session does not outlive was never made."""
    _reworded(patch, pen, "_CLAIM", "attempt = new.attempt", "attempt = new.attempt - 1")


def step_written_over(patch: pytest.MonkeyPatch) -> None:
    """P13: of a step that is told twice the second result stands."""
    again = "ON CONFLICT (execution_no, step) DO UPDATE SET result = excluded.result"
    _reworded(patch, pen, "_JOURNAL", "ON CONFLICT DO NOTHING", again)


def due_by_the_databases_clock(patch: pytest.MonkeyPatch) -> None:
    """P32: where the database's clock is set, retries come too early, or too late."""
    patch.setattr(NodesClock, "now_us", lambda self: self._clocks.wall_us())


POSTGRESQL_DEFECTS = by_name(
    taken_over_with_its_epoch,
    interruption_not_told,
    counts_written_with_the_sequence_only,
    concurrency_of_each_session,
    keys_not_asked_for,
    lanes_taken_for_empty,
    youngest_at_the_head,
    ripe_before_its_time,
    lane_not_stopped,
    attempt_not_counted_in_the_row,
    step_written_over,
    due_by_the_databases_clock,
)
