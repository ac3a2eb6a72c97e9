"""Tells how long the engine's event loop was held by anything: a beat every 2 ms that comes late.

Each beat that is more than 20 ms late is a line of the file ``LOOP_WATCH``: seconds late, and
seconds of processor time that the loop's thread used meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from firesteel.doors import Doors

BEAT_S = 0.002
LATE_S = 0.02
_open = Doors.open


async def _watch(path: str) -> None:
    with Path(path).open("a", buffering=1) as file:  # noqa: ASYNC230  # a line now and then
        while True:
            wall_s, used_s = time.monotonic(), time.thread_time()
            await asyncio.sleep(BEAT_S)
            late_s = time.monotonic() - wall_s - BEAT_S
            if late_s > LATE_S:
                file.write(f"{late_s:.4f} {time.thread_time() - used_s:.4f}\n")


async def _opened(self: Any, *given: Any) -> None:
    self.watching = asyncio.create_task(_watch(os.environ["LOOP_WATCH"]))
    await _open(self, *given)


Doors.open = _opened  # type: ignore[method-assign]
