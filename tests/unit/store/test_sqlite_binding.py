"""What the writer binds reaches SQLite as it is, without a search for ways to adapt it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from firesteel.store.sqlite.connection import open_writer


def test_bytes_booleans_and_none_are_stored_as_they_are(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "store.db")
    body = bytes(range(256))
    found = connection.execute(
        "SELECT ?1, ?2, ?3, ?4, typeof(?1), typeof(?2), typeof(?3), typeof(?4)",
        (body, True, False, None),
    ).fetchone()
    connection.close()
    assert found == (body, 1, 0, None, "blob", "integer", "integer", "null")


def test_no_value_of_a_row_is_searched_for_methods_to_adapt_it_by(tmp_path: Path) -> None:
    open_writer(tmp_path / "store.db").close()
    adapted = {kind for kind, _protocol in sqlite3.adapters}
    assert {bytes, bool, type(None)} <= adapted
