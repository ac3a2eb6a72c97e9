"""Erasing in an archive (decision 0045): files are written anew without what goes.

A file is replaced whole, flushed before; ended at any moment, the same call goes on. What a node
archives meanwhile waits for the file's turn.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from firesteel.store.archive.folder import DayFile, files, locked
from firesteel.store.archive.frames import (
    Frame,
    Packing,
    data_of,
    flush_folder,
    frames,
    lines,
    written,
)
from firesteel.store.archive.reading import Wanted, matches
from firesteel.store.archive.record import ERASED, decoded, encoded, time_us, without_payload


@dataclass(frozen=True, slots=True)
class Erased:
    """How many messages were erased now, in how many files."""

    messages: int
    files: int


def erase(folder: Path, wanted: Wanted, told: Callable[[int, int], None]) -> Erased:
    """Erase what those messages held; that they were, when, and how they ended stays. ``told``
    gets how many of how many files are done. Raises OSError and Damaged."""
    found = files(folder, wanted.workspace, wanted.integration)
    ids: set[str] = set()
    changed = 0
    for number, one in enumerate(found):
        told(number, len(found))
        with locked(folder):
            erased = _erase_in(one, wanted)
        ids |= erased
        changed += bool(erased)
    told(len(found), len(found))
    return Erased(len(ids), changed)


def count(folder: Path, wanted: Wanted) -> int:
    """How many messages ``erase`` would erase. Raises OSError and Damaged."""
    ids: set[str] = set()
    for one in files(folder, wanted.workspace, wanted.integration):
        with one.path.open("rb") as file:
            for frame in frames(file):
                ids |= _going(lines(data_of(file, frame)), wanted)
    return len(ids)


def _erase_in(one: DayFile, wanted: Wanted) -> set[str]:
    erased: set[str] = set()
    partial = one.path.with_name(f".{one.path.name}.partial")
    with one.path.open("rb") as file:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as anew:
                for frame in frames(file):
                    erased |= _copy(file, frame, wanted, anew)
                anew.flush()
                os.fsync(anew.fileno())
            if erased:
                partial.replace(one.path)
                flush_folder(one.path.parent)
        finally:
            partial.unlink(missing_ok=True)
    return erased


def _copy(file: BinaryIO, frame: Frame, wanted: Wanted, anew: BinaryIO) -> set[str]:
    data = data_of(file, frame)
    kept = lines(data)
    going = _going(kept, wanted)
    if not going:
        anew.write(written(frame.header, data))
        return going
    packing = Packing()
    for line in kept:
        record = decoded(line)
        if record["id"] in going:
            record = without_payload(record)
        packing.add(encoded(record), time_us(record["received_at"]))
    anew.write(packing.finish(frame.header.written_at_us))
    return going


def _going(kept: list[bytes], wanted: Wanted) -> set[str]:
    """The ids of those lines that are to be erased, and are not."""
    needle = None if wanted.consumer is None else msgspec.json.encode(wanted.consumer)
    going = set()
    for line in kept:
        if needle is None or needle in line:
            record = decoded(line)
            if record["payload"] != ERASED and matches(record, wanted):
                going.add(str(record["id"]))
    return going
