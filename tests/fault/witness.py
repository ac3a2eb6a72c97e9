"""The witness: a process of its own that writes down every effect before it is confirmed.

A workflow sends one JSON line an effect over TCP and goes on when one line has come back. One
thread takes all connections in turn, so that what a killed worker has sent is written before
anything that began afterwards. ``python -m tests.fault.witness FILE`` prints its port and ends with
its standard input.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from tests.fault.history import Effect

_READ_BYTES = 65536
_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Witness:
    """A running witness; ``port`` is on 127.0.0.1."""

    port: int
    file: Path

    @classmethod
    @contextlib.contextmanager
    def started(cls, file: Path) -> Iterator[Self]:
        """A new one, which ends with the block."""
        file.touch()
        command = [sys.executable, "-m", "tests.fault.witness", str(file)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            try:
                yield cls(int(process.stdout.readline()), file)
            finally:
                process.stdin.close()
                process.wait(_STOP_S)

    def effects(self) -> tuple[Effect, ...]:
        """All effects so far, in the order in which they were written down."""
        lines = self.file.read_bytes().splitlines(keepends=True)
        return tuple(Effect(**json.loads(line)) for line in lines if line.endswith(b"\n"))


class _Sink:
    """Takes lines of many connections in one thread."""

    def __init__(self, listener: socket.socket, file: IO[bytes]) -> None:
        self._listener = listener
        self._file = file
        self._selector = selectors.DefaultSelector()
        self._parts: dict[socket.socket, bytes] = {}

    def run(self, until: Any) -> None:
        """Until the file ``until`` ends."""
        self._selector.register(until, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is until:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._read(key.fileobj)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        self._parts[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        data = b""
        with contextlib.suppress(ConnectionError):
            data = connection.recv(_READ_BYTES)
        if not data:
            self._selector.unregister(connection)
            del self._parts[connection]
            connection.close()
            return
        *lines, self._parts[connection] = (self._parts[connection] + data).split(b"\n")
        for line in lines:
            self._file.write(line + b"\n")
        self._file.flush()
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"\n" * len(lines))


def main() -> None:
    """Write to the file that the command line names."""
    with Path(sys.argv[1]).open("ab") as file, socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        _Sink(listener, file).run(sys.stdin)


if __name__ == "__main__":
    main()
