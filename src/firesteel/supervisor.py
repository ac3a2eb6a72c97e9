"""The parent of a node's processes: starts engine and workers anew when they end, nothing else.

It binds the sockets and hands them down, so that callers who connect while the engine starts anew
are kept in the backlog instead of being refused. When the engine dies its workers are ended at once
and started with the next engine. An engine that says that the node is set up wrongly
(``SETUP_EXIT_CODE``) is not started again.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firesteel.errors import OperatorError
from firesteel.handover import STARTED_VARIABLE, VARIABLE, Handover

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.settings import Settings

SETUP_EXIT_CODE = 78  # EX_CONFIG of sysexits.h
LOST_STORE_EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h
STEADY_S = 3.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
BACKLOG = 2048
STOP_MARGIN_S = 5.0
LEAVE_SIGNAL = signal.SIGUSR1
"""To the engine: the node goes on, but not for long; balancers are to know. It is held back from an
engine that starts until that listens to it, or it would end it."""
WITHHELD_PREFIXES = ("FIRESTEEL_DATABASE_URL", "FIRESTEEL_ENCRYPTION_KEY")
"""What workers are not started with: they run users' code, and touch no store."""
_READY_LIMIT_BYTES = 65536
_STOPPED = (0, -signal.SIGTERM)
"""How an engine ends that was told to: in order, or before it has begun."""


def tell_people(role: str, pid: int, code: int) -> None:
    """That a process has ended which should run; ``code`` as Python has it, -9 for a signal."""
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    sys.stderr.write(f"firesteel: the {role} (pid {pid}) {how}\n")


def tell_machines(role: str, pid: int, code: int) -> None:
    """The same, as a line of the log."""
    from firesteel.telemetry.logs import log

    log.warning("process_ended", role=role, pid=pid, code=code)


@dataclass
class Child:
    """A process that must run; ``pause_s`` grows while it keeps ending early. ``held``: a signal
    that it is started with blocked, and unblocks itself. ``tell``: of an end that was not good;
    ``timed``: whether it is told when it was started."""

    role: str
    command: list[str]
    environment: dict[str, str]
    fds: tuple[int, ...]
    held: frozenset[signal.Signals] = frozenset()
    tell: Callable[[str, int, int], None] = tell_people
    timed: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause_s: float = 0.0

    def start(self) -> None:
        """Start the process."""
        self.started_at = time.monotonic()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, self.held)
        try:
            self.process = subprocess.Popen(
                self.command,
                env={**self.environment, **self._told()},
                pass_fds=self.fds,
                stdin=subprocess.DEVNULL,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _told(self) -> dict[str, str]:
        return {STARTED_VARIABLE: str(self.started_at)} if self.timed else {}

    def ended(self) -> int | None:
        """The exit code of a process that has ended since the last call, else None."""
        if self.process is None:
            return None
        code = self.process.poll()
        if code is None:
            return None
        if code:
            self.tell(self.role, self.process.pid, code)
        self.process = None
        now = time.monotonic()
        # An engine that lost its store waits for it itself when it starts anew, and says so to
        # callers, who would hear nothing meanwhile (P04).
        if now - self.started_at > STEADY_S or code == LOST_STORE_EXIT_CODE:
            self.pause_s = 0.0
        self.start_at = now + self.pause_s
        self.pause_s = min(max(self.pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        return code

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def kill(self) -> None:
        """End it now and reap it; its next start is not put off, for it did not end by itself."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@dataclass
class Sockets:
    """What is bound before anything starts and outlives every engine. ``public`` None: the node
    takes no calls."""

    public: socket.socket | None
    admin: socket.socket
    workers: socket.socket
    folder: Path

    @property
    def workers_path(self) -> Path:
        """Where workers connect."""
        return self.folder / "workers"

    @classmethod
    def bind(cls, settings: Settings) -> Sockets:
        """Raises OperatorError ``address_in_use`` or ``address_unusable``."""
        public = _listen(settings.host, settings.port) if settings.public_port else None
        admin = _listen(settings.admin_host, settings.admin_port)
        folder = Path(tempfile.mkdtemp(prefix="firesteel-"))
        workers = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        workers.bind(str(folder / "workers"))
        workers.listen(BACKLOG)
        return cls(public, admin, workers, folder)

    def close_doors(self) -> None:
        """Give back what callers connect to; safe to repeat."""
        if self.public is not None:
            self.public.close()
        self.admin.close()

    def close(self) -> None:
        """Give everything back."""
        self.close_doors()
        self.workers.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class Supervisor:
    """Two kinds of children: one engine, and its workers."""

    settings: Settings
    announce: Callable[[dict[str, Any]], None]
    sockets: Sockets
    paused: bool = False
    engine: Child = field(init=False)
    workers: list[Child] = field(init=False)

    def __post_init__(self) -> None:
        self._lifeline = os.pipe()
        self._ready = os.pipe()
        self._wakeup = os.pipe()
        self._signals: list[int] = []
        self._announced = False
        self._stop_at: float | None = None
        token = secrets.token_hex(32)
        self._handover = self._handed_down(token)
        self._tell = tell_people if self.settings.log_format == "text" else tell_machines
        self.engine = self._engine_child()
        self.workers = [self._worker_child(token) for _ in range(self.settings.workers)]

    def run(self) -> int:
        """Until SIGTERM or SIGINT, and ``shutdown_delay`` behind it: 0; or until the engine refuses
        its set-up: its exit code."""
        os.set_blocking(self._wakeup[1], False)
        previous = signal.set_wakeup_fd(self._wakeup[1])
        handlers = {
            number: signal.signal(number, self._note_signal)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        }
        try:
            self._start_all()
            return self._watch()
        finally:
            for child in (self.engine, *self.workers):
                child.kill()
            signal.set_wakeup_fd(previous)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            for fd in (*self._lifeline, *self._ready, *self._wakeup):
                os.close(fd)

    # inside

    def _note_signal(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def _start_all(self) -> None:
        for child in (self.engine, *self.workers):
            child.start()

    def _watch(self) -> int:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakeup[0], selectors.EVENT_READ)
            selector.register(self._ready[0], selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(self._pause_s()):
                    data = os.read(key.fd, _READY_LIMIT_BYTES)
                    if key.fd == self._ready[0]:
                        self._engine_ready(data)
                if self._must_stop():
                    return self._stop()
                code = self._tend()
                if code is not None:
                    return code

    def _must_stop(self) -> bool:
        """Whether the node is to stop now. The first signal begins ``shutdown_delay``, in which all
        goes on but health is red; a second one ends it. A node that takes no calls has none."""
        if self._signals and self._stop_at is None:
            self._signals.clear()
            serves = self._announced and self.sockets.public is not None
            delay_s = self.settings.shutdown_delay_s if serves else 0.0
            self._stop_at = time.monotonic() + delay_s
            if delay_s:
                self._leave()
        due = self._stop_at is not None and time.monotonic() >= self._stop_at
        return due or bool(self._signals)

    def _leave(self) -> None:
        """Tell the engine, and each that comes after it."""
        again = replace(self._handover, again=True, leaving=True)
        self.engine.environment[VARIABLE] = again.encode()
        self.engine.signal(LEAVE_SIGNAL)

    def _tend(self) -> int | None:
        """Reap what ended and start what is due; the node's exit code where the engine must not run
        again."""
        code = self.engine.ended()
        if code is not None:
            for worker in self.workers:
                worker.kill()
                worker.start_at = max(worker.start_at, self.engine.start_at)
            if code == SETUP_EXIT_CODE:
                return 1
            if self._stop_at is not None and code in _STOPPED:
                return int(code != 0)  # somebody has told it too: there is nothing to wait for
        for worker in self.workers:
            worker.ended()
        now = time.monotonic()
        for child in (self.engine, *self.workers):
            if child.process is None and now >= child.start_at:
                child.start()
        return None

    def _pause_s(self) -> float | None:
        """Until the next child, or the stop, is due; None: nothing is due."""
        due = [c.start_at for c in (self.engine, *self.workers) if c.process is None]
        if self._stop_at is not None:
            due.append(self._stop_at)
        return max(min(due) - time.monotonic(), 0.0) if due else None

    def _stop(self) -> int:
        """Let the engine end in good order, then the workers; a second signal ends all at once."""
        self._signals.clear()
        self.sockets.close_doors()  # the engine has its own, and says when nobody listens any more
        self.engine.signal(signal.SIGTERM)
        deadline = time.monotonic() + self.settings.shutdown_timeout_s + STOP_MARGIN_S
        clean = False
        while time.monotonic() < deadline and not self._signals:
            if self.engine.process is None or self.engine.process.poll() is not None:
                clean = self.engine.process is not None and self.engine.process.returncode == 0
                break
            _wait_readable(self._wakeup[0], 0.2)
        return 0 if clean else 1

    def _engine_ready(self, data: bytes) -> None:
        if not self._announced:
            self._announced = True
            again = replace(self._handover, again=True)
            self.engine.environment[VARIABLE] = again.encode()
            self.announce(json.loads(data.splitlines()[0]))

    def _handed_down(self, token: str) -> Handover:
        return Handover(
            self.settings,
            token,
            None if self.sockets.public is None else self.sockets.public.fileno(),
            self.sockets.admin.fileno(),
            self.sockets.workers.fileno(),
            self._lifeline[0],
            self._ready[1],
            secrets.token_hex(8) if self.paused else "",
        )

    def _engine_child(self) -> Child:
        return Child(
            "engine",
            [sys.executable, "-m", "firesteel.engine_process"],
            {**os.environ, VARIABLE: self._handover.encode()},
            self._handover.fds,
            frozenset({LEAVE_SIGNAL}),
            self._tell,
            timed=True,
        )

    def _worker_child(self, token: str) -> Child:
        # What a process is started with can be read by its code, whatever it removes later (P44).
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(WITHHELD_PREFIXES)
        }
        environment = {
            **inherited,
            "FIRESTEEL_WORKER_SOCKET": str(self.sockets.workers_path),
            "FIRESTEEL_WORKER_TOKEN": token,
            "FIRESTEEL_WORKER_PROJECT": str(self.settings.project_dir or ""),
            "FIRESTEEL_WORKER_MEMORY_BYTES": str(self.settings.worker_memory_bytes),
            "FIRESTEEL_LIFELINE_FD": str(self._lifeline[0]),
        }
        if self.settings.traces == "on":
            environment["FIRESTEEL_WORKER_TRACES"] = self.settings.traces_endpoint or ""
        command = [sys.executable, "-m", "firesteel.worker"]
        return Child("worker", command, environment, (self._lifeline[0],), tell=self._tell)


def serve(
    settings: Settings, *, announce: Callable[[dict[str, Any]], None], paused: bool = False
) -> int:
    """Run a node until it is told to stop; the exit code. ``announce`` gets ``public_url``,
    ``admin_url``, ``workspace`` when the node is ready for the first time. ``paused``: nothing is
    run until a person says so. Raises OperatorError where an address cannot be bound."""
    sockets = Sockets.bind(settings)
    try:
        return Supervisor(settings, announce, sockets, paused).run()
    finally:
        sockets.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise OperatorError(
            f"cannot listen on {host}:{port}: {error.strerror}", code="address_unusable"
        ) from error
    bound.set_inheritable(True)
    return bound


def _wait_readable(fd: int, timeout_s: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        if selector.select(timeout_s):
            os.read(fd, _READY_LIMIT_BYTES)
