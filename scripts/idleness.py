"""Whether processes wait in vain, told by what they do and not by how long they take.

On a busy machine a test that takes long may only be short of processor time. One that waits for
what never comes sleeps in all its threads, and so do the processes that it started.
"""

from __future__ import annotations

import time
from pathlib import Path

PROC = Path("/proc")
LOOK_S = 0.25
_GROUP, _STATE, _USER, _SYSTEM = 2, 0, 11, 12
"""Fields of /proc/PID/stat behind the name; see proc(5)."""


class Idleness:
    """Of a group of processes. Where the system does not tell, they are never idle."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._ticks = -1
        self._looks = 0
        self._looked_at = time.monotonic()

    def seconds(self) -> float:
        """For how long none of them has run, at least: as many looks as have seen so, a quarter of
        a second apart. Who looks may be short of processor time too."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            ticks = self._used()
            known, self._ticks = self._ticks, -1 if ticks is None else ticks
            self._looks = self._looks + 1 if ticks == known else 0
        return self._looks * LOOK_S

    def _used(self) -> int | None:
        """Processor time of all threads; None where one of them runs, or would."""
        total = 0
        for process in PROC.glob("[0-9]*"):
            fields = _fields(process)
            if fields is None or int(fields[_GROUP]) != self._group:
                continue
            for thread in process.glob("task/*"):
                of_thread = _fields(thread)
                if of_thread is not None and of_thread[_STATE] not in "SZX":
                    return None
            total += int(fields[_USER]) + int(fields[_SYSTEM])
        return total or None


def _fields(folder: Path) -> list[str] | None:
    try:
        return (folder / "stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
