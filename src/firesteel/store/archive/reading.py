"""Finding archived messages again, the latest first, without a node.

A message may stand in an archive more than once: with its payload, when that was let go, and
without, when the rest was; or twice alike, where a node died between the archive and its store.
Whoever reads gets it once, with all that is known.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from firesteel.store.archive.folder import DayFile, files
from firesteel.store.archive.frames import Damaged, Frame, data_of, lines
from firesteel.store.archive.record import KEPT, PURGED, decoded, time_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """All that is given holds. Times are of receipt, in microseconds, ``until_us`` exclusive.
    ``state``: of the last execution. ``search``: a search name and its value. ``text``: stands
    somewhere in the record."""

    workspace: str | None = None
    integration: str | None = None
    message_id: str | None = None
    consumer: str | None = None
    state: str | None = None
    sequence: int | None = None
    search: tuple[str, str] | None = None
    text: str | None = None
    from_us: int | None = None
    until_us: int | None = None


def find(folder: Path, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Records, by integration the latest day first, in a day what was archived last. Raises
    OSError, and Damaged where a frame is not what was written."""
    found = [
        one for one in files(folder, wanted.workspace, wanted.integration) if _day(one, wanted)
    ]
    for _, group in groupby(found, key=lambda one: (one.workspace, one.integration, one.day)):
        yield from _of_day(list(group), wanted)


def matches(record: Mapping[str, Any], wanted: Wanted) -> bool:
    """Whether the record is one of those."""
    received_us = time_us(record["received_at"])
    asked: tuple[tuple[object, object], ...] = (
        (wanted.workspace, record["workspace"]),
        (wanted.integration, record["integration"]),
        (wanted.message_id, record["id"]),
        (wanted.consumer, record["consumer"]),
        (wanted.sequence, record["sequence"]),
        (wanted.state, record["executions"][-1]["state"]),
    )
    return (
        all(want is None or want == has for want, has in asked)
        and (wanted.from_us is None or received_us >= wanted.from_us)
        and (wanted.until_us is None or received_us < wanted.until_us)
        and (wanted.search is None or record["search"].get(wanted.search[0]) == wanted.search[1])
    )


def _of_day(group: list[DayFile], wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Of an integration's day, from all files that are about it: latest frames first, so that
    what was known last wins. One without a payload is held back: an earlier one may have it."""
    seen: set[str] = set()
    held: dict[str, dict[str, Any]] = {}
    ordered = heapq.merge(
        *map(_latest_first, group), key=lambda item: -item[1].header.written_at_us
    )
    for one, frame in ordered:
        if not _time(frame, wanted):
            continue
        for record in _records(one, frame, wanted):
            if record["id"] in seen:
                continue
            if record["payload"] == PURGED:
                held.setdefault(record["id"], record)
                continue
            seen.add(record["id"])
            held.pop(record["id"], None)
            yield record
    yield from held.values()


def _latest_first(one: DayFile) -> Iterator[tuple[DayFile, Frame]]:
    return ((one, frame) for frame in reversed(one.frames()))


def _records(one: DayFile, frame: Frame, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Those of a frame that are wanted, the last first. A text is looked for in the line as it
    stands, which spares most lines the decoding."""
    needle = None if wanted.text is None else msgspec.json.encode(wanted.text)[1:-1]
    marked = None if wanted.message_id is None else wanted.message_id.encode()
    with one.path.open("rb") as file:
        try:
            kept = lines(data_of(file, frame))
        except Damaged as error:
            raise Damaged(f"{one.path}: {error}") from error
    for line in reversed(kept):
        if (needle is None or needle in line) and (marked is None or marked in line):
            record = decoded(line)
            if matches(record, wanted):
                yield record


def _day(one: DayFile, wanted: Wanted) -> bool:
    begins_us = _begin_us(one.day)
    return (wanted.until_us is None or begins_us < wanted.until_us) and (
        wanted.from_us is None or _begin_us(one.day + timedelta(days=1)) > wanted.from_us
    )


def _time(frame: Frame, wanted: Wanted) -> bool:
    header = frame.header
    return (wanted.until_us is None or header.received_from_us < wanted.until_us) and (
        wanted.from_us is None or header.received_until_us >= wanted.from_us
    )


def _begin_us(day: date) -> int:
    return time_us(f"{day.isoformat()}T00:00:00.000000Z")


def has_payload(record: Mapping[str, Any]) -> bool:
    """Whether it was neither purged before nor erased."""
    return bool(record["payload"] == KEPT)
