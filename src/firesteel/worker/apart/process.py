"""The worker's side: start the process, hand it the question, take its answer, end it."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import msgspec

from firesteel.model import frames
from firesteel.model.execution import Failure

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "firesteel.worker.apart"
START_S = 10.0
"""For the process to start, on a machine that is busy."""
ENDED = Failure("unknown", "worker_crashed", "the process ended before it had an answer")


async def ask(
    frame: frames.Try | frames.ListFunctions, folder: Path | None
) -> frames.Frame | Failure:
    """The answer; a Failure where the process ended, or was ended, before it had one."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE, "" if folder is None else str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(frame.timeout_s + START_S):
            answer, _ = await process.communicate(frames.encode(frame))
    except TimeoutError:
        return _late(frame)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == -signal.SIGALRM:
        return _late(frame)
    try:
        found = frames.engine_frames().feed(answer)
    except (ValueError, msgspec.DecodeError):
        return ENDED
    return found[0] if found else ENDED


def _late(frame: frames.Try | frames.ListFunctions) -> Failure:
    text = f"it took longer than {frame.timeout_s:g} s and was ended"
    return Failure("unknown", "step_timeout", text)
