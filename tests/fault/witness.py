"""The witness: a process of its own that writes down every effect before it is confirmed.

A workflow sends one JSON line an effect over TCP and goes on when one line has come back. One
thread takes all connections in turn, so that what a killed worker has sent is written before
anything that began afterwards.

The witness can *hold* a workflow: it writes down the effect and does not confirm it, so that a test
may strike exactly there. ``python -m tests.fault.witness FILE`` prints its port, obeys the lines
``hold STEP PHASE`` (the next such effect, which is then printed) and ``release`` (all that are
held), and ends with its standard input.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from tests.fault.history import Effect, Phase

_READ_BYTES = 65536
_STOP_S = 10.0
_HELD_S = 60.0


@dataclass(frozen=True, slots=True)
class Witness:
    """A running witness; ``port`` is on 127.0.0.1."""

    port: int
    file: Path
    _process: subprocess.Popen[bytes]

    @classmethod
    @contextlib.contextmanager
    def started(cls, file: Path) -> Iterator[Self]:
        """A new one, which ends with the block."""
        file.touch()
        command = [sys.executable, "-m", "tests.fault.witness", str(file)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            try:
                yield cls(int(process.stdout.readline()), file, process)
            finally:
                process.stdin.close()
                process.wait(_STOP_S)

    def effects(self) -> tuple[Effect, ...]:
        """All effects so far, in the order in which they were written down."""
        lines = self.file.read_bytes().splitlines(keepends=True)
        return tuple(Effect(**json.loads(line)) for line in lines if line.endswith(b"\n"))

    @contextlib.contextmanager
    def holding(self, step: int, phase: Phase = "begin") -> Iterator[Hold]:
        """The next such effect is not confirmed before the block ends."""
        self._say(f"hold {step} {phase}")
        try:
            yield Hold(self._process)
        finally:
            self._say("release")

    def _say(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order.encode() + b"\n")


@dataclass(frozen=True, slots=True)
class Hold:
    """An order to hold a workflow."""

    _process: subprocess.Popen[bytes]

    def wait(self) -> Effect:
        """Until a workflow is held: what it did. Nothing of it goes on meanwhile."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            assert selector.select(_HELD_S), "nothing came that could be held"
        return Effect(**json.loads(self._process.stdout.readline()))


class _Sink:
    """Takes lines of many connections in one thread."""

    def __init__(self, listener: socket.socket, file: IO[bytes]) -> None:
        self._listener = listener
        self._file = file
        self._selector = selectors.DefaultSelector()
        self._parts: dict[socket.socket, bytes] = {}
        self._to_hold: list[str] = []
        self._held: list[socket.socket] = []
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
            order, _, what = line.decode().partition(" ")
            if order == "hold":
                self._to_hold.append(what)
            else:
                held, self._held, self._to_hold = self._held, [], []
                for connection in held:
                    _confirm(connection)
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
            if self._to_hold and self._holds(line):
                self._held.append(connection)
            else:
                _confirm(connection)

    def _holds(self, line: bytes) -> bool:
        effect = json.loads(line)
        what = f"{effect['step']} {effect['phase']}"
        if what not in self._to_hold:
            return False
        self._to_hold.remove(what)
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()
        return True

    def _forget(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._parts[connection]
        if connection in self._held:
            self._held.remove(connection)
        connection.close()


def _confirm(connection: socket.socket) -> None:
    with contextlib.suppress(ConnectionError):
        connection.sendall(b"\n")


def main() -> None:
    """Write to the file that the command line names."""
    path = Path(sys.argv[1])
    with path.open("ab") as file, socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        _Sink(listener, file).run(sys.stdin.fileno())


if __name__ == "__main__":
    main()
