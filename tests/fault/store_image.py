"""What is on the disk after a power cut, before any node has looked at it.

An image is a copy of the store's file and its log as the disk has kept them. It is judged by
itself, against what callers were told and the witness has seen until then: what is missing in it
the disk or a commit has lost, and no recovery can have.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fault.history import Call, Effect

STORE = "firesteel.db"


@dataclass(frozen=True, slots=True)
class StoreImage:
    """``folder``: the copy, as it was. ``ids``: of the messages in it; ``damage``: what SQLite
    finds wrong with it."""

    folder: Path
    ids: frozenset[str]
    damage: list[str]

    @classmethod
    def taken(cls, data: Path, folder: Path) -> StoreImage:
        """Copy the store of a data directory that nobody uses. The copy is judged in another one,
        for SQLite recovers what it opens."""
        judged = folder.with_name(f"{folder.name}-judged")
        for target in (folder, judged):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for file in data.glob(f"{STORE}*"):
                if not file.name.endswith("-shm"):
                    shutil.copyfile(file, target / file.name)
        try:
            with contextlib.closing(sqlite3.connect(judged / STORE)) as connection:
                found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
                ids = frozenset(row[0] for row in connection.execute("SELECT id FROM message"))
        except sqlite3.DatabaseError as error:
            return cls(folder, frozenset(), [str(error)])
        finally:
            shutil.rmtree(judged)
        return cls(folder, ids, [] if found == ["ok"] else found)

    def missing(self, calls: tuple[Call, ...], effects: tuple[Effect, ...]) -> Iterator[str]:
        """What was acknowledged or seen before, and is not in it."""
        for call in calls:
            if call.outcome == "ok" and call.message_id not in self.ids:
                yield f"{call} was acknowledged and is not in {self.folder.name}"
        for message_id in {effect.message_id for effect in effects} - self.ids:
            yield f"message {message_id} ran and is not in {self.folder.name}"
