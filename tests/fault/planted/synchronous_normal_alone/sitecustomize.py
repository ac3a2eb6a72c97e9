"""Planted defect: a commit is not flushed, but the check at the start looks."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from firesteel.store.sqlite import writer
from firesteel.store.sqlite.connection import open_writer


def _open_writer(path: Path) -> sqlite3.Connection:
    connection = open_writer(path)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


writer.open_writer = _open_writer  # type: ignore[attr-defined]
