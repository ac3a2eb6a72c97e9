"""A node that is started again when it was killed: the same data, another process."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.fault.questions import Questions
from tests.support.node import KEY, RunningNode, launch_node, start_node, wait_until
from tests.support.processes import children, engine_of, wait_gone

PROJECT = Path(__file__).parent / "project"
CLOCK_FILE = "clock"


@dataclass
class Service(Questions):
    """``node`` is the one that runs now, ``url`` where callers find it. ``key``: of its triggers,
    and of no other node's: what is sent to the port of a node that has gone may reach another one,
    which a test beside has started."""

    folder: Path
    environment: dict[str, str]
    key: str
    node: RunningNode = field(init=False)
    url: str = ""

    @classmethod
    @contextlib.contextmanager
    def started(cls, folder: Path, **environment: str) -> Iterator[Self]:
        """With the project of the fault tests; stopped with SIGTERM at the end of the block."""
        key = copied_project(folder / "project")
        (folder / "data").mkdir(mode=0o700, exist_ok=True)
        service = cls(folder, environment, key)
        service.start()
        try:
            yield service
        except BaseException:
            service.node.print_output()
            raise
        finally:
            service.node.stop()

    def start(self) -> None:
        """Start a node on the data; returns when it is ready."""
        node = start_node(self.folder / "data", self.folder / "project", **self.environment)
        self.node, self.url = node, node.public_url

    def headers(self) -> dict[str, str]:
        """Of every call."""
        return {"x-api-key": self.key, "content-type": "application/json"}

    # what a nemesis does

    def kill_engine(self) -> None:
        """SIGKILL to the engine; its supervisor starts the next one."""
        self._signal(self.node.engine_pid, signal.SIGKILL)

    def kill_starting_engine(self, after_s: float) -> None:
        """The engine is killed, and the next one ``after_s`` after its start: perhaps before it
        has opened the store, perhaps within its recovery."""
        dead = self.node.engine_pid
        self._signal(dead, signal.SIGKILL)
        supervisor = self.node.process.pid
        wait_until(lambda: engine_of(supervisor) not in (None, dead))
        time.sleep(after_s)
        starting = engine_of(supervisor)
        if starting is not None:
            self._signal(starting, signal.SIGKILL)

    def kill_worker(self, index: int) -> None:
        """SIGKILL to one of the workers that run."""
        self._signal(self._worker(index), signal.SIGKILL)

    def kill_workers(self) -> None:
        """SIGKILL to all of them."""
        for worker in self._workers():
            self._signal(worker, signal.SIGKILL)

    def kill_supervisor(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """SIGKILL to the supervisor; when all of its children have gone, a new node starts.
        ``meanwhile``: what to do while none runs."""
        self.kill_node()
        meanwhile()
        self.start()

    def kill_node(self) -> None:
        """SIGKILL to the supervisor; returns when all of its children have gone."""
        self._kill_node(self.node)

    def kill_starting_supervisor(self, after_s: float) -> None:
        """The same, and the new node is killed ``after_s`` after its start, ready or not."""
        self._kill_node(self.node)
        node = launch_node(self.folder / "data", self.folder / "project", **self.environment)
        time.sleep(after_s)
        self._kill_node(node)
        self.start()

    def pause_engine(self, for_s: float) -> None:
        """SIGSTOP to the engine, and SIGCONT ``for_s`` later."""
        self._pause(self.node.engine_pid, for_s)

    def pause_worker(self, index: int, for_s: float) -> None:
        """The same with one of the workers."""
        self._pause(self._worker(index), for_s)

    def jump_clock(self, offset_s: int) -> None:
        """Set the wall clock of all processes so far from the true one; see ``faked_clock``."""
        (self.folder / CLOCK_FILE).write_text(f"{offset_s:+d}\n")

    @contextlib.contextmanager
    def engine_stopped(self) -> Iterator[None]:
        """SIGSTOP to the engine, and SIGCONT at the end of the block."""
        engine = self.node.engine_pid
        self._signal(engine, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(engine, signal.SIGCONT)

    @contextlib.contextmanager
    def workers_stopped(self) -> Iterator[None]:
        """SIGSTOP to the workers that run now, and SIGCONT to those of them that are left."""
        workers = self._workers()
        for worker in workers:
            self._signal(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            for worker in workers:
                self._signal(worker, signal.SIGCONT)

    # what the node says

    def wait_at_rest(self, timeout_s: float) -> None:
        """Until everything accepted is terminal, with nobody's help."""
        self.node.wait_ready()
        wait_until(self.at_rest, timeout_s)

    def _asked(self, path: str, query: dict[str, Any]) -> Any:
        return self.node.admin("GET", path, params=query)

    def _workers(self) -> set[int]:
        return children(self.node.process.pid) - {self.node.engine_pid}

    def _worker(self, index: int) -> int | None:
        workers = sorted(self._workers())
        return workers[index % len(workers)] if workers else None

    def _kill_node(self, node: RunningNode) -> None:
        """The supervisor stands still first: it starts no child that nobody would wait for."""
        self._signal(node.process.pid, signal.SIGSTOP)
        left_behind = children(node.process.pid)
        node.kill()
        wait_gone(left_behind)
        node.client.close()

    def _pause(self, pid: int | None, for_s: float) -> None:
        self._signal(pid, signal.SIGSTOP)
        time.sleep(for_s)
        self._signal(pid, signal.SIGCONT)

    @staticmethod
    def _signal(pid: int | None, number: signal.Signals) -> None:
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def copied_project(folder: Path) -> str:
    """Copy the project of the fault tests; the key of its triggers, which no other copy has."""
    key = secrets.token_hex(16)
    shutil.copytree(PROJECT, folder)
    for file in (folder / "integrations").iterdir():
        file.write_text(file.read_text().replace(KEY, key))
    return key


def faked_clock(folder: Path) -> list[tuple[str, str]] | None:
    """The environment of a node whose wall clock ``jump_clock`` sets and whose monotonic clock is
    true; None where there is no libfaketime."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        return None
    (folder / CLOCK_FILE).write_text("+0\n")
    return [
        ("LD_PRELOAD", str(library)),
        ("FAKETIME_TIMESTAMP_FILE", str(folder / CLOCK_FILE)),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ]
