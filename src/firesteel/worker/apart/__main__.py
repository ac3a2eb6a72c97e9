"""``python -m firesteel.worker.apart FOLDER``: answers the one question on its standard input."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from firesteel.lifeline import die_with_parent
from firesteel.model import frames
from firesteel.worker import capture
from firesteel.worker.code_folder import use_folder

if TYPE_CHECKING:
    from typing import BinaryIO

NICE = 10
GRACE_S = 2.0


def main() -> int:
    """0, if there is an answer."""
    die_with_parent()
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what user's code prints is not the answer
    os.nice(NICE)
    folder = Path(sys.argv[1]).resolve() if sys.argv[1] else None
    (question,) = frames.worker_frames().feed(sys.stdin.buffer.read())
    assert isinstance(question, frames.Try | frames.ListFunctions)
    # The kernel ends the process, whatever its code is in.
    signal.alarm(math.ceil(question.timeout_s + GRACE_S))
    capture.install()
    if folder is not None:
        use_folder(folder / "workflows")
    _write(answer, asyncio.run(_answer(question, folder)))
    os._exit(0)  # threads and connections of user code must not keep it alive


async def _answer(question: frames.Try | frames.ListFunctions, folder: Path | None) -> frames.Frame:
    if isinstance(question, frames.Try):
        from firesteel.worker.apart.step import try_step

        return await try_step(question, folder)
    from firesteel.worker.apart.listing import list_functions

    functions, faults = list_functions(folder)
    return frames.FunctionsFound(question.request_no, functions, faults)


def _write(answer: BinaryIO, frame: frames.Frame) -> None:
    with answer:
        answer.write(frames.encode(frame))


if __name__ == "__main__":
    sys.exit(main())
