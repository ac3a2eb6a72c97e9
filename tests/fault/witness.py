"""The witness: a process of its own that writes down every effect before it is confirmed.

A workflow sends one JSON line an effect over TCP and goes on when one line has come back. One
thread takes all connections in turn, so that what a killed worker has sent is written before
anything that began afterwards.

The witness can *hold* a workflow: it writes down the effect and does not confirm it, so that a test
may strike exactly there. ``python -m tests.fault.witness FILE HOST`` prints its port, obeys the
lines ``hold NUMBER STEP PHASE VALUE`` (the next such effect, which is then printed behind its
number; * stands for any value) and ``release NUMBER``, and ends with its standard input.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from tests.fault.history import Effect, Phase
from tests.support.node import wait_until

_READ_BYTES = 65536
_STOP_S = 60.0
_HELD_S = 60.0
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Witness:
    """A running witness; ``port`` is on ``host``."""

    host: str
    port: int
    file: Path
    _process: subprocess.Popen[bytes]
    _held: dict[int, Effect] = field(default_factory=dict)

    @classmethod
    @contextlib.contextmanager
    def started(cls, file: Path, host: str = "127.0.0.1") -> Iterator[Self]:
        """A new one, which ends with the block."""
        file.touch()
        command = [sys.executable, "-m", "tests.fault.witness", str(file), host]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            try:
                yield cls(host, int(process.stdout.readline()), file, process)
            finally:
                process.stdin.close()
                process.wait(_STOP_S)

    def environment(self) -> dict[str, str]:
        """By which a node's workflows find it."""
        return {"WITNESS_HOST": self.host, "WITNESS_PORT": str(self.port)}

    def effects(self) -> tuple[Effect, ...]:
        """All effects so far, in the order in which they were written down."""
        lines = self.file.read_bytes().splitlines(keepends=True)
        return tuple(Effect(**json.loads(line)) for line in lines if line.endswith(b"\n"))

    def forget(self) -> None:
        """What was written down so far, at a moment at which nothing runs."""
        os.truncate(self.file, 0)

    @contextlib.contextmanager
    def holding(self, step: int, phase: Phase = "begin", value: str = "*") -> Iterator[Hold]:
        """The next such effect is not confirmed before it is released, or the block ends."""
        number = next(_numbers)
        hold = Hold(number, self._process, self._held)
        self._say(f"hold {number} {step} {phase} {value}")
        try:
            yield hold
        finally:
            hold.release()

    def wait_for(self, value: str, count: int = 1) -> None:
        """Until a value's effects are so many."""
        wait_until(lambda: sum(e.value == value for e in self.effects()) >= count)

    def _say(self, order: str) -> None:
        _order(self._process, order)


@dataclass(frozen=True, slots=True)
class Hold:
    """An order to hold a workflow."""

    number: int
    _process: subprocess.Popen[bytes]
    _held: dict[int, Effect]

    def wait(self) -> Effect:
        """Until a workflow is held: what it did. Nothing of it goes on meanwhile."""
        assert self._process.stdout is not None
        while self.number not in self._held:
            with selectors.DefaultSelector() as selector:
                selector.register(self._process.stdout, selectors.EVENT_READ)
                assert selector.select(_HELD_S), "nothing came that could be held"
            number, _, effect = self._process.stdout.readline().decode().partition(" ")
            self._held[int(number)] = Effect(**json.loads(effect))
        return self._held[self.number]

    def release(self) -> None:
        """Let it go on; safe to repeat."""
        _order(self._process, f"release {self.number}")


def _order(process: subprocess.Popen[bytes], order: str) -> None:
    assert process.stdin is not None
    process.stdin.write(order.encode() + b"\n")


class _Sink:
    """Takes lines of many connections in one thread."""

    def __init__(self, listener: socket.socket, file: IO[bytes]) -> None:
        self._listener = listener
        self._file = file
        self._selector = selectors.DefaultSelector()
        self._parts: dict[socket.socket, bytes] = {}
        self._to_hold: dict[int, list[str]] = {}
        self._held: dict[int, socket.socket] = {}
        self._orders = b""

    def run(self, orders: int) -> None:
        """Until the file descriptor ``orders`` ends."""
        self._selector.register(orders, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fd == orders:
                    if not self._obey(os.read(orders, _READ_BYTES)):
                        return
                elif key.fileobj is self._listener:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._read(key.fileobj)

    def _obey(self, data: bytes) -> bool:
        *lines, self._orders = (self._orders + data).split(b"\n")
        for line in lines:
            order, number, *what = line.decode().split()
            if order == "hold":
                self._to_hold[int(number)] = what
                continue
            self._to_hold.pop(int(number), None)
            held = self._held.pop(int(number), None)
            if held is not None:
                _confirm(held)
        return bool(data)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        self._parts[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        data = b""
        with contextlib.suppress(ConnectionError):
            data = connection.recv(_READ_BYTES)
        if not data:
            self._forget(connection)
            return
        *lines, self._parts[connection] = (self._parts[connection] + data).split(b"\n")
        for line in lines:
            self._file.write(line + b"\n")
        self._file.flush()
        for line in lines:
            if not (self._to_hold and self._holds(line, connection)):
                _confirm(connection)

    def _holds(self, line: bytes, connection: socket.socket) -> bool:
        effect = json.loads(line)
        for number, (step, phase, value) in self._to_hold.items():
            same = (str(effect["step"]), effect["phase"]) == (step, phase)
            if same and value in ("*", effect["value"]):
                del self._to_hold[number]
                self._held[number] = connection
                sys.stdout.write(f"{number} {line.decode()}\n")
                sys.stdout.flush()
                return True
        return False

    def _forget(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._parts[connection]
        self._held = {n: held for n, held in self._held.items() if held is not connection}
        connection.close()


def _confirm(connection: socket.socket) -> None:
    with contextlib.suppress(ConnectionError):
        connection.sendall(b"\n")


def main() -> None:
    """Write to the file that the command line names."""
    path, host = Path(sys.argv[1]), sys.argv[2]
    with path.open("ab") as file, socket.create_server((host, 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        _Sink(listener, file).run(sys.stdin.fileno())


if __name__ == "__main__":
    main()
