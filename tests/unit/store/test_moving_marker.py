"""A database that holds a part of a store says so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from firesteel.errors import OperatorError
from firesteel.store.migrations import migrate
from firesteel.store.moving import marker
from firesteel.store.moving.marker import Identity, Progress
from firesteel.store.sqlite.connection import SqliteConnection, open_writer

HALF = Progress(Identity("c0ffee", 3, 1, 2), -5, 7, "message", [41], {"message": 41})


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[SqliteConnection]:
    migrate(tmp_path / "firesteel.db")
    with contextlib.closing(open_writer(tmp_path / "firesteel.db")) as opened:
        yield opened


def test_nodes_are_refused_from_the_first_chunk_of_a_move_to_its_end(
    connection: SqliteConnection,
) -> None:
    marker.refuse_half_moved(connection)
    for progress in (HALF, Progress(HALF.source, -5, 7, "", None, {})):
        marker.store(connection, marker.MOVING_SETTING, progress)
        with pytest.raises(OperatorError, match="migrate-store") as refused:
            marker.refuse_half_moved(connection)
        assert refused.value.code == "store_half_moved"
    marker.forget(connection, marker.MOVING_SETTING)
    marker.refuse_half_moved(connection)
