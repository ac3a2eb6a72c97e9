"""How ``migrate-store`` shows how far it has come: a bar on a terminal, lines into a pipe."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from firesteel.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import Progress

    from firesteel.store.moving.move import Watching

_LINE_EVERY_S = 5.0


@contextlib.contextmanager
def shown_progress(output: Output) -> Iterator[Watching]:
    """Whom to tell of the progress; on standard error, and nothing beside ``--json``."""
    if output.as_json:
        yield _Nothing()
    elif not sys.stderr.isatty():
        yield _Lines(output)
    else:
        with _progress() as progress:
            yield _Bar(progress)


class _Nothing:
    """Implements ``Watching``."""

    def begun(self, rows: dict[str, int], there: dict[str, int], *, resumed: bool) -> None:
        pass

    def copied(self, table: str, rows: int) -> None:
        pass

    def comparing(self) -> None:
        pass


class _Lines:
    """Implements ``Watching``: a line for each table that has rows, and one every few seconds."""

    def __init__(self, output: Output) -> None:
        self._note = output.note
        self._rows: dict[str, int] = {}
        self._last_s = 0.0

    def begun(self, rows: dict[str, int], there: dict[str, int], *, resumed: bool) -> None:
        self._rows = rows
        total, before = sum(rows.values()), sum(there.values())
        self._note(
            f"going on: {before:,} of {total:,} rows are there"
            if resumed
            else f"moving {total:,} rows"
        )

    def copied(self, table: str, rows: int) -> None:
        total, now_s = self._rows[table], time.monotonic()
        if rows and (rows == total or now_s - self._last_s >= _LINE_EVERY_S):
            self._last_s = now_s
            self._note(f"{table}: {rows:,} of {total:,}")

    def comparing(self) -> None:
        self._note("comparing both sides")


class _Bar:
    """Implements ``Watching``: one bar over all rows."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._there: dict[str, int] = {}

    def begun(self, rows: dict[str, int], there: dict[str, int], *, resumed: bool) -> None:
        self._there = dict(there)
        begun = "going on" if resumed else "moving"
        total = sum(rows.values())
        self._task = self._progress.add_task(begun, total=total, completed=sum(there.values()))

    def copied(self, table: str, rows: int) -> None:
        self._there[table] = rows
        done = sum(self._there.values())
        self._progress.update(self._task, description=table, completed=done)

    def comparing(self) -> None:
        self._progress.update(self._task, description="comparing")


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
