"""``python -m firesteel.worker``: one worker process, started by the supervisor.

Its environment says where the engine is: FIRESTEEL_WORKER_SOCKET and FIRESTEEL_WORKER_TOKEN; which
project it works for: FIRESTEEL_WORKER_PROJECT; whether and where it exports traces:
FIRESTEEL_WORKER_TRACES; how much memory it may take:
FIRESTEEL_WORKER_MEMORY_BYTES; and the pipe that ends with the supervisor: FIRESTEEL_LIFELINE_FD.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from firesteel.lifeline import hold_on_to
from firesteel.model import frames
from firesteel.worker import capture
from firesteel.worker.code_folder import use_folder
from firesteel.worker.limits import apply_limits, hide_secrets
from firesteel.worker.link import EngineLink
from firesteel.worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from firesteel.worker.traces import Traces

CONNECT_TIMEOUT_S = 30.0
WARM_UP_AFTER_S = 1.0
COLLECTOR_SECRETS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
LOST_EXIT_CODE = 69  # EX_UNAVAILABLE of sysexits.h
DEFAULT_MEMORY_BYTES = 1024**3


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the supervisor told this worker. ``traces`` None: export none; else where to, empty: as
    OpenTelemetry's own variables say."""

    socket: str
    token: str
    project: Path | None
    memory_bytes: int
    lifeline_fd: int | None
    traces: str | None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Assignment:
        """Raises KeyError where a variable is missing: only the supervisor starts workers."""
        project = environ.get("FIRESTEEL_WORKER_PROJECT")
        lifeline = environ.get("FIRESTEEL_LIFELINE_FD")
        return cls(
            environ["FIRESTEEL_WORKER_SOCKET"],
            environ["FIRESTEEL_WORKER_TOKEN"],
            Path(project).resolve() if project else None,
            int(environ.get("FIRESTEEL_WORKER_MEMORY_BYTES") or DEFAULT_MEMORY_BYTES),
            int(lifeline) if lifeline else None,
            environ.get("FIRESTEEL_WORKER_TRACES"),
        )


def main() -> int:
    """Work until the engine or the supervisor has gone, or a drain is done."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; who stops, says so
    assignment = Assignment.read(os.environ)
    hide_secrets()
    if assignment.lifeline_fd is not None:
        hold_on_to(assignment.lifeline_fd)
    apply_limits(assignment.memory_bytes)
    capture.install()
    if assignment.project is not None:
        use_folder(assignment.project / "workflows")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_work(assignment))
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop where there is one: it halves the cost of a frame."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _work(assignment: Assignment) -> None:
    loop = asyncio.get_running_loop()
    drained = asyncio.Event()
    traces = _traces(assignment)
    worker = Worker(assignment.project, drained.set, traces)
    hello = frames.Hello(os.getpid(), assignment.token)
    link = EngineLink(worker, hello, ended=lambda: os._exit(LOST_EXIT_CODE))
    worker.link = link
    loop.add_signal_handler(signal.SIGTERM, worker.drain)
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        await loop.create_unix_connection(lambda: link, assignment.socket)
    # Not at once: the engine and the other workers start now, on the same cores.
    loop.call_later(WARM_UP_AFTER_S, worker.warm_up)
    await drained.wait()
    await link.written()
    if traces is not None:
        await asyncio.to_thread(traces.flush)
    # Threads and connections of user code must not keep a drained worker alive.
    os._exit(0)


def _traces(assignment: Assignment) -> Traces | None:
    if assignment.traces is None:
        return None
    from firesteel.worker.traces import Traces

    traces = Traces(assignment.traces)
    hide_secrets(prefixes=COLLECTOR_SECRETS)
    return traces


if __name__ == "__main__":
    sys.exit(main())
