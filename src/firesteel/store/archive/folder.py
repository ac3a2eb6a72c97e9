"""An archive's folder: a file for each integration and day of receipt, and the lock on them all.

``<folder>/<workspace>/<integration>/2027-06-30.jsonl.zst``; nodes that share a store write
``2027-06-30.<node>.jsonl.zst``, so that no two ever write one file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from firesteel.store.archive.frames import SUFFIX, Frame, flush_folder, frames

_LOCK = ".lock"
_DAY_LENGTH = len("2027-06-30")


@dataclass(frozen=True, slots=True)
class DayFile:
    """One file of an archive."""

    path: Path
    workspace: str
    integration: str
    day: date

    def frames(self) -> list[Frame]:
        """Its whole frames, in order. Raises OSError."""
        with self.path.open("rb") as file:
            return list(frames(file))


@dataclass(frozen=True, slots=True)
class Kept:
    """What an archive has of an integration; a message that is there twice counts twice."""

    workspace: str
    integration: str
    first_day: date
    last_day: date
    files: int
    messages: int
    size_bytes: int


def path_of(folder: Path, workspace: str, integration: str, day: str, node: str) -> Path:
    """Of the file for these; its folder is made (mode 0700), and flushed."""
    made = folder
    for part in (workspace, integration):
        made /= part
        if not made.is_dir():
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
            flush_folder(made.parent)
    return made / f"{day}{'.' + node if node else ''}{SUFFIX}"


def files(
    folder: Path, workspace: str | None = None, integration: str | None = None
) -> list[DayFile]:
    """By workspace and integration, the latest day first. Files of other names are passed over."""
    found = []
    for path in folder.glob(f"{workspace or '*'}/{integration or '*'}/*{SUFFIX}"):
        with contextlib.suppress(ValueError):
            day = date.fromisoformat(path.name[:_DAY_LENGTH])
            found.append(DayFile(path, path.parent.parent.name, path.parent.name, day))
    found.sort(key=lambda one: (one.day, one.path.name), reverse=True)
    found.sort(key=lambda one: (one.workspace, one.integration))
    return found


def size_bytes(folder: Path) -> tuple[int, int]:
    """How many files, and how many bytes."""
    sizes = []
    for one in files(folder):
        with contextlib.suppress(FileNotFoundError):
            sizes.append(one.path.stat().st_size)
    return len(sizes), sum(sizes)


def sizes(folder: Path) -> dict[tuple[str, str], int]:
    """Bytes by workspace and integration."""
    found: dict[tuple[str, str], int] = {}
    for one in files(folder):
        with contextlib.suppress(FileNotFoundError):
            name = (one.workspace, one.integration)
            found[name] = found.get(name, 0) + one.path.stat().st_size
    return found


def kept(folder: Path) -> list[Kept]:
    """By workspace and integration, from the headers of all frames. Raises OSError."""
    of: dict[tuple[str, str], list[DayFile]] = {}
    for one in files(folder):
        of.setdefault((one.workspace, one.integration), []).append(one)
    return [
        Kept(
            *name,
            min(one.day for one in group),
            max(one.day for one in group),
            len(group),
            sum(frame.header.messages for one in group for frame in one.frames()),
            sum(one.path.stat().st_size for one in group),
        )
        for name, group in of.items()
    ]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The only one to change files of the archive on this machine, for a moment. Raises
    OSError."""
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
