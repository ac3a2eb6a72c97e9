"""A move from its beginning, or from where an earlier run of it stopped, to the comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from firesteel.errors import OperatorError
from firesteel.store.moving.comparison import Figures, figures_of_source, figures_of_target
from firesteel.store.moving.marker import Progress
from firesteel.store.moving.source import Source
from firesteel.store.moving.tables import Key, MovedTable
from firesteel.store.moving.target import Target
from firesteel.store.schema import execution, setting
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.queries import Row

# A chunk is one transaction: long enough that its flush costs little, short enough that a move that
# is ended does little twice, and that its blobs fit into the memory of both sides.
CHUNK_ROWS = 20_000
CHUNK_BYTES = 16 * 1024 * 1024


class Watching(Protocol):
    """Whoever wants to know how a move comes along."""

    def begun(self, rows: dict[str, int], there: dict[str, int], *, resumed: bool) -> None:
        """``rows``: to be moved, by table. ``there``: those that an earlier run has brought."""
        ...

    def copied(self, table: str, rows: int) -> None:
        """So many rows of the table are in the target, committed."""
        ...

    def comparing(self) -> None:
        """All rows are there."""
        ...


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that is done; ``figures`` are the same on both sides. ``interrupted``: executions that
    were running when the last engine ended, and wait again."""

    figures: Figures
    interrupted: int
    rows: int


class SidesDiffer(OperatorError):
    """The move is not done: at its end the two sides are not the same."""

    code = "move_differs"

    def __init__(self, source: Figures, target: Figures) -> None:
        differences = "; ".join(source.differences(target))
        super().__init__(f"the target differs from the source: {differences}")
        self.source = source
        self.target = target


def move(
    source_file: Path,
    target_url: str,
    *,
    clocks: Clocks,
    watching: Watching,
    check_key: Callable[[str | None], None],
) -> Moved:
    """Move the store of an SQLite file, which is only read, to a PostgreSQL database.

    May be ended at any moment and called again with the same two: it goes on behind the last row
    that was committed. Blocks; for a process of its own. ``check_key`` gets the check value of the
    store's encryption key before anything is done. Raises what that, ``Source.held`` and
    ``Target.held`` raise, and OperatorError

    - ``store_not_empty`` where the database holds other data;
    - ``move_source_changed`` where an engine has worked with the source since the move began;
    - ``move_done`` where nodes work with what was moved already;
    - ``move_differs`` (SidesDiffer) where the two sides are not the same at the end.
    """
    with Source.held(source_file) as source:
        check_key(source.identity().encryption_check)
        with Target.held(target_url) as target:
            return _Move(source, target, watching).run(clocks)


class _Move:
    def __init__(self, source: Source, target: Target, watching: Watching) -> None:
        self._source = source
        self._target = target
        self._watching = watching

    def run(self, clocks: Clocks) -> Moved:
        before = self._earlier()
        progress = before or self._begin(clocks)
        rows = {moved.name: self._source.count(moved) for moved in self._source.tables}
        self._watching.begun(rows, progress.copied, resumed=before is not None)
        for moved in self._left(progress):
            progress = self._copy(moved, progress)
        self._watching.comparing()
        return self._finish(progress)

    def _earlier(self) -> Progress | None:
        """What an earlier run has left of a move of the same source, or None."""
        identity = self._source.identity()
        progress = self._target.progress()
        if progress is None or progress.source == identity:
            return progress
        if progress.source.encryption_check == identity.encryption_check:
            raise OperatorError(
                "a node has worked with the source since the move into this database began: begin "
                "again with an empty database",
                code="move_source_changed",
            )
        raise OperatorError(
            "the database holds data of another store: give the move an empty one",
            code="store_not_empty",
        )

    def _begin(self, clocks: Clocks) -> Progress:
        shift_us = self._target.clock_us() - self._source.steady_us(clocks)
        first = self._source.tables[0].name
        identity = self._source.identity()
        progress = Progress(identity, shift_us, clocks.wall_us(), first, None, {})
        self._target.begin(progress)
        return progress

    def _left(self, progress: Progress) -> Iterator[MovedTable]:
        """The table that was being copied, and those behind it."""
        names = [moved.name for moved in self._source.tables]
        begin = names.index(progress.table) if progress.table else len(names)
        yield from self._source.tables[begin:]

    def _copy(self, moved: MovedTable, progress: Progress) -> Progress:
        """All rows of the table that are not there yet; how far the move has come then."""
        after = _key_of_json(moved, progress.after) if progress.table == moved.name else None
        rows = self._source.rows(moved, progress.shift_us, after)
        while True:
            chunk = _Chunk(moved, rows)
            with self._target.transaction():
                if moved.table is setting and after is None:
                    self._target.clear_settings()
                self._target.copy(moved, chunk)
                if moved.table is execution and chunk.last is not None:
                    self._add_attempts(after, chunk.last, progress)
                after = chunk.last or after
                progress = self._advanced(moved, progress, after, chunk)
                self._target.note(progress)
            self._watching.copied(moved.name, progress.copied[moved.name])
            if chunk.was_last:
                return progress

    def _add_attempts(self, after: Key | None, last: Key, progress: Progress) -> None:
        first = 0 if after is None else after[0]
        rows = self._source.interrupted(first, last[0], progress.moved_at_us)
        self._target.add_attempts(rows)

    def _advanced(
        self, moved: MovedTable, progress: Progress, after: Key | None, chunk: _Chunk
    ) -> Progress:
        copied = dict(progress.copied)
        copied[moved.name] = copied.get(moved.name, 0) + chunk.rows
        table, key = moved.name, None if after is None else _json_of_key(after)
        if chunk.was_last:
            behind = self._source.tables[self._source.tables.index(moved) + 1 :]
            table, key = (behind[0].name if behind else ""), None
        return msgspec.structs.replace(progress, table=table, after=key, copied=copied)

    def _finish(self, progress: Progress) -> Moved:
        source, target = self._source, self._target
        target.analyse(source.tables)
        wanted = figures_of_source(source, progress.shift_us, progress.moved_at_us)
        with target.transaction():
            target.shut_out_nodes()
            target.number_behind(source.last_no())
            found = figures_of_target(target.connection, source.tables)
            if wanted != found:
                raise SidesDiffer(wanted, found)
            target.set_waiting({one.no: one.states.get("waiting", 0) for one in found.triggers})
            target.end(progress)
        interrupted = len(source.interrupted(0, source.last_no(), progress.moved_at_us))
        return Moved(wanted, interrupted, sum(progress.copied.values()))


class _Chunk:
    """So many of the rows as one transaction takes; counts what went through it."""

    def __init__(self, moved: MovedTable, rows: Iterator[Row]) -> None:
        self._moved = moved
        self._rows = rows
        self.rows = 0
        self.last: Key | None = None
        self.was_last = False

    def __iter__(self) -> Iterator[Row]:
        blobs, size = self._moved.blobs, 0
        row: Row | None = None
        for row in self._rows:
            self.rows += 1
            yield row
            for place in blobs:
                size += len(row[place] or b"")
            if self.rows == CHUNK_ROWS or size >= CHUNK_BYTES:
                break
        else:
            self.was_last = True
        self.last = None if row is None else self._moved.key_of(row)


def _json_of_key(key: Key) -> list[Any]:
    """Bytes as hexadecimal digits."""
    return [value.hex() if isinstance(value, bytes) else value for value in key]


def _key_of_json(moved: MovedTable, key: list[Any] | None) -> Key | None:
    """The inverse of ``_json_of_key``."""
    if key is None:
        return None
    return tuple(
        bytes.fromhex(value) if place in moved.blobs else value
        for place, value in zip(moved.key, key, strict=True)
    )
