"""Planted defect: a node takes a lane for empty that it has not seen itself, and no constraint says
otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firesteel.store.postgresql.mirror import SharedMirror

ONE_RUNS = "DROP INDEX IF EXISTS uq_execution_running_lane"
connect = SharedMirror.connect


def _connect(self: Any, connection: Any) -> None:
    connection.command(ONE_RUNS)
    connect(self, connection)


def _look_at_lanes(self: Any, names: Sequence[tuple[int, str]]) -> dict[tuple[int, str], int]:
    return dict.fromkeys(names, 0)


SharedMirror.connect = _connect  # type: ignore[method-assign]
SharedMirror.look_at_lanes = _look_at_lanes  # type: ignore[method-assign]
