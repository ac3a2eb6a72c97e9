"""P30: no migration changes or loses a value of a store that an earlier release has left."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from firesteel.store.migrations import _VERSIONS, HEAD, migrate
from firesteel.store.migrations.postgresql import migrate as migrate_postgresql
from firesteel.store.postgresql.connection import Address
from tests.support.old_store import (
    MESSAGES,
    ON_POSTGRESQL,
    REVISIONS,
    connected,
    make_old_store,
    rows,
)

Rows = dict[str, set[tuple[tuple[str, str], ...]]]

# What a migration writes beside what was there.
_ADDED = {"setting": {(("name", "'compatible_from'"), ("value", "'0003'"))}}


def lost(before: Rows, after: Rows) -> dict[str, list[dict[str, str]]]:
    """Rows that no row of the upgraded store holds, whatever columns were added to it."""
    found: dict[str, list[dict[str, str]]] = {}
    for table, old in before.items():
        names = {name for row in old for name, _ in row}
        kept = {tuple(pair for pair in row if pair[0] in names) for row in after.get(table, set())}
        found |= {table: [dict(row) for row in old - kept]} if old - kept else {}
    return found


def more(before: Rows, after: Rows) -> dict[str, int]:
    """Tables with another number of rows than before, but for what is written on purpose."""
    return {
        table: len(after[table]) - len(old)
        for table, old in before.items()
        if len(after[table] - _ADDED.get(table, set())) != len(old)
    }


def told(revision: str) -> dict[str, str]:
    """What the log says of an upgrade."""
    event = {"event": "store_migrated", "log_level": "warning"}
    return {"before": revision, "after": HEAD, **event}


def test_every_revision_but_this_release_s_is_upgraded_from() -> None:
    assert (*REVISIONS, HEAD) == tuple(sorted(file.name[:4] for file in _VERSIONS.glob("0*.py")))


@pytest.mark.parametrize("revision", REVISIONS)
def test_p30_every_row_of_a_file_is_there_after_an_upgrade(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "firesteel.db"
    make_old_store(path, revision)
    before = rows(path)
    with capture_logs() as said:
        assert migrate(path)
        assert not migrate(path)
    after = rows(path)
    assert lost(before, after) == {}
    assert more(before, after) == {}
    assert said == [told(revision)]


def test_that_a_store_was_made_is_no_news(tmp_path: Path) -> None:
    with capture_logs() as said:
        assert migrate(tmp_path / "firesteel.db")
    assert said == []


@pytest.mark.parametrize("revision", ON_POSTGRESQL)
def test_p30_every_row_of_a_database_is_there_after_an_upgrade(
    postgres_url: str, revision: str
) -> None:
    make_old_store(postgres_url, revision)
    before = rows(postgres_url)
    with capture_logs() as said:
        assert migrate_postgresql(Address(postgres_url))
    after = rows(postgres_url)
    assert lost(before, after) == {}
    assert more(before, after) == {}
    assert said == [told(revision)]


def test_a_row_that_a_migration_changes_or_takes_is_found(tmp_path: Path) -> None:
    path = tmp_path / "firesteel.db"
    make_old_store(path, "0001")
    before = rows(path)
    migrate(path)
    with connected(path) as connection:
        connection.execute(sa.text("UPDATE execution SET epoch = 0 WHERE state = 'running'"))
        connection.execute(sa.text("DELETE FROM paused_lane WHERE lane_key = 'held'"))
    found = lost(before, rows(path))
    assert {table: len(lost_rows) for table, lost_rows in found.items()} == {
        "execution": sum(old.state == "running" for old in MESSAGES),
        "paused_lane": 1,
    }
    assert more(before, rows(path)) == {"paused_lane": -1}
