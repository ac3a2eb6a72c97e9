"""The engine process from its first moment. Started by the supervisor with a ``Handover``.

To load all parts of the engine (``node``) takes a second of work, which on a busy machine is many.
That is done in a thread, behind ports that can already say 503, for on PostgreSQL another node may
have time for the call (P36).
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog

from firesteel import processors
from firesteel.allocator import give_back_what_is_freed
from firesteel.doors import LOST_STORE_GRACE_S, Doors
from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.handover import STARTED_VARIABLE, Handover
from firesteel.lifeline import hold_on_to
from firesteel.supervisor import LEAVE_SIGNAL, LOST_STORE_EXIT_CODE, SETUP_EXIT_CODE
from firesteel.telemetry.logs import configure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from firesteel.settings import Settings

    Run = Callable[
        [Doors, Handover, asyncio.Future[int], Callable[[int], None]],
        Awaitable[int],
    ]

# Of the 5 s within which callers are promised an answer: they wait for an engine that starts, but
# not for a busy machine, nor for a database that says nothing (P36).
LATE_START_S = 2.5
NEXT_START_S = 0.5

log = structlog.get_logger(__name__)


def main() -> int:
    """The engine process from beginning to end; its exit code."""
    import uvloop

    handover = Handover.take(os.environ)
    started_at = float(os.environ.pop(STARTED_VARIABLE, "") or time.monotonic())
    hold_on_to(handover.lifeline_fd)
    configure(handover.settings.log_level, handover.settings.log_format)
    give_back_what_is_freed()
    if handover.settings.keeps_to_one_processor:
        processors.keep_to_one()
    try:
        return uvloop.run(_run(handover, started_at + LATE_START_S))
    except StoreUnavailable as error:
        log.critical("store_lost", detail=error.detail)
        return LOST_STORE_EXIT_CODE
    except OperatorError as error:
        log.error("node_cannot_start", code=error.code, detail=error.detail)
        return SETUP_EXIT_CODE


async def _run(handover: Handover, late_at: float) -> int:
    """From the loading of the engine to the end; the exit code. ``late_at``: when callers have
    waited long enough for that, by the monotonic clock."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(initializer=processors.roam))
    stop: asyncio.Future[int] = loop.create_future()
    _stop_on_signals(stop)
    doors = Doors(handover)
    loop.add_signal_handler(LEAVE_SIGNAL, doors.wind_down)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {LEAVE_SIGNAL})  # held back until now
    refusing = asyncio.ensure_future(_refuse_when_late(handover.settings, doors, late_at))
    try:
        run = await asyncio.to_thread(_load, handover.settings)
        return await run(doors, handover, stop, lambda code: _end(stop, code))
    except StoreUnavailable:
        # The next engine takes as long to start: who has come meanwhile is told before.
        await doors.give_up()
        await asyncio.sleep(NEXT_START_S)
        await doors.leave(LOST_STORE_GRACE_S)
        raise
    finally:
        refusing.cancel()
        await asyncio.gather(refusing, return_exceptions=True)


def _load(settings: Settings) -> Run:
    """The engine's code."""
    from firesteel.node import run_behind

    if settings.store_path is None:  # its driver is an extra, and SQLite does without it
        importlib.import_module("firesteel.store.postgresql.store")
    return run_behind


async def _refuse_when_late(settings: Settings, doors: Doors, late_at: float) -> None:
    """While a start takes long of a node that others may stand beside, callers are told so."""
    if settings.store_path is None:
        await asyncio.sleep(late_at - time.monotonic())
        await doors.refuse()


def _stop_on_signals(stop: asyncio.Future[int]) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, _end, stop, 0)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # the supervisor decides


def _end(stop: asyncio.Future[int], code: int) -> None:
    if not stop.done():
        stop.set_result(code)


if __name__ == "__main__":
    sys.exit(main())
