"""Several nodes on one PostgreSQL, as processes of this machine, each with its data directory.

All have one encryption key and one project. A node may run in a network namespace of its own; see
tests/fault/namespaces.py.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.support.node import RunningNode, launch_node, until_ready
from tests.support.processes import children, wait_gone

# Runs before a command, in its process: leaves the terminal, whose Ctrl-C is for whoever started
# the node, and asks Linux to stop it with that process (PR_SET_PDEATHSIG = 1).
LAUNCHER = """
import ctypes, os, signal, sys
os.setsid()
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execvp(sys.argv[1], sys.argv[1:])
"""
APART = (sys.executable, "-I", "-c", LAUNCHER)

Role = Literal["all", "gateway", "worker"]
STOP_S = 60.0


def new_key() -> str:
    """An encryption key for all nodes of a cluster, as the setting wants it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


@dataclass
class Member:
    """One node of a cluster. ``port``: its public one, which stays the same over restarts; 0 for a
    worker. ``within``: words before its command, such as those that enter a namespace; ``host``:
    where its ports are then."""

    name: str
    role: Role
    folder: Path
    project: Path
    environment: dict[str, str]
    port: int = 0
    host: str = "127.0.0.1"
    within: Sequence[str] = APART
    node: RunningNode | None = field(default=None, init=False)
    _stopped: set[int] = field(default_factory=set, init=False)

    @property
    def url(self) -> str:
        """Where callers find it."""
        return f"http://{self.host}:{self.port}"

    @property
    def running(self) -> RunningNode:
        """Its processes; AssertionError when it was killed."""
        assert self.node is not None, f"{self.name} does not run"
        return self.node

    @property
    def alive(self) -> bool:
        """Whether its supervisor runs."""
        return self.node is not None and self.node.process.poll() is None

    @property
    def paused(self) -> bool:
        """Whether its processes stand still."""
        return bool(self._stopped)

    def pids(self) -> set[int]:
        """Of its supervisor, engine and workers; none while it does not run."""
        if self.node is None:
            return set()
        return {self.node.process.pid, *children(self.node.process.pid)}

    def stop_workers(self) -> None:
        """SIGSTOP to its workers alone."""
        _signal(self._workers(), signal.SIGSTOP)

    def wake_workers(self) -> None:
        """SIGCONT to its workers, while all else of it may stand still."""
        _signal(self._workers(), signal.SIGCONT)

    def kill_workers(self) -> None:
        """SIGKILL to its workers; its supervisor starts others."""
        _signal(self._workers(), signal.SIGKILL)

    def _workers(self) -> set[int]:
        node = self.running
        return self.pids() - {node.process.pid, node.engine_pid}

    def launch(self) -> None:
        """Start it; it is not ready yet."""
        settings = {
            "FIRESTEEL_ROLE": self.role,
            "FIRESTEEL_HOST": self.host,
            "FIRESTEEL_PORT": str(self.port),
            **self.environment,
        }
        data = self.folder / "data"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.node = launch_node(data, self.project, within=self.within, **settings)

    def start(self) -> None:
        """Start it; returns when it is ready."""
        self.launch()
        until_ready(self.running)

    def kill(self) -> None:
        """SIGKILL to all of its processes, as when the machine loses power."""
        _signal({self.running.process.pid}, signal.SIGSTOP)  # it starts no child meanwhile
        everyone, node = self.pids(), self.running
        self.node = None
        _signal(everyone, signal.SIGKILL)
        node.process.wait(STOP_S)
        wait_gone(everyone)
        node.client.close()
        self._stopped.clear()

    def pause(self) -> None:
        """SIGSTOP to all of its processes, as when a machine is moved or swaps."""
        _signal({self.running.process.pid}, signal.SIGSTOP)
        self._stopped = self.pids()
        _signal(self._stopped, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT to those that were paused."""
        stopped, self._stopped = self._stopped, set()
        _signal(stopped, signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM, where it runs; returns when it has ended."""
        self.go_on()
        node, self.node = self.node, None
        if node is not None:
            node.stop()


@dataclass
class Cluster:
    """``members`` by name. The first ones are ready when ``started`` has returned."""

    folder: Path
    project: Path
    environment: dict[str, str]
    members: dict[str, Member] = field(default_factory=dict)

    def add(self, name: str, role: Role = "all", **more: str) -> Member:
        """A member that does not run yet; ``more``: of its environment."""
        port = 0 if role == "worker" else free_port()
        environment = {**self.environment, **more}
        member = Member(name, role, self.folder / name, self.project, environment, port)
        self.members[name] = member
        return member

    def start(self) -> None:
        """Start all members at once, as an operator's machines do; returns when they are ready."""
        for member in self.members.values():
            member.launch()
        for member in self.members.values():
            until_ready(member.running)

    def gateways(self) -> list[Member]:
        """Those that take calls, whether they run or not."""
        return [member for member in self.members.values() if member.role != "worker"]

    def print_output(self) -> None:
        """For the report of a test that failed."""
        for member in self.members.values():
            if member.node is not None:
                print(f"--- {member.name}")  # noqa: T201
                member.node.print_output()

    def stop(self) -> None:
        """SIGTERM to all at once; returns when they have ended."""
        for member in self.members.values():
            member.go_on()
            if member.alive:
                member.running.process.send_signal(signal.SIGTERM)
        for member in self.members.values():
            member.stop()


@contextlib.contextmanager
def balanced(
    members: Sequence[Member], port: int = 0, *, tell: Callable[[str], None] = lambda _: None
) -> Iterator[int]:
    """The port of a balancer before these members, for the length of the block. ``tell`` is called
    in a thread of its own with what the balancer says of each change."""
    command = [sys.executable, "-m", "scripts.balancer", "--port", str(port)]
    targets = [f"{member.host}:{member.port}" for member in members]
    with subprocess.Popen(
        [*APART, *command, *targets],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        hearing = threading.Thread(target=_tell_all, args=(lines, tell))
        try:
            said = next(lines, "")
            assert said.startswith("balancing on"), "the balancer did not start"
            hearing.start()
            yield int(said.split()[-1])
        finally:
            process.terminate()
            process.wait(STOP_S)
            hearing.join(STOP_S)


def _tell_all(lines: Iterator[str], tell: Callable[[str], None]) -> None:
    for line in lines:
        tell(line.rstrip())


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
