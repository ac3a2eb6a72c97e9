"""The engine's end of a worker's socket, to drive a real worker process frame by frame::

    with EnginePeer.started(project) as peer:
        outcome = peer.attempt({"name": "x", "workflow": {"python": "pricing:item_price"}})

Records are confirmed at once, unless the test takes that over (``confirm = False``).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from firesteel.model import frames
from firesteel.model.execution import JournalEntry
from firesteel.model.message import Message, Request, encode_request

WAIT_S = 30.0
TOKEN = "the-token-of-the-supervisor"

F = TypeVar("F", bound=frames.Frame)


def message(body: bytes = b"{}", query: bytes = b"", **more: Any) -> Message:
    """A message of consumer ``web shop`` with a JSON body; ``headers``: pairs."""
    headers = more.pop("headers", [(b"content-type", b"application/json")])
    request = Request("POST", "/test/Orders", query, headers)
    return Message("ab" * 16, more.get("sequence", 1), 0, "web shop", encode_request(request), body)


@dataclass(slots=True)
class EnginePeer:
    """One worker process, and what it has sent."""

    process: subprocess.Popen[bytes]
    connection: socket.socket
    lifeline: int
    confirm: bool = True
    integrations: dict[str, dict[str, Any]] = field(default_factory=dict)
    recorded: list[frames.Record] = field(default_factory=list)
    received: list[frames.Frame] = field(default_factory=list)
    _reader: frames.FrameReader = field(default_factory=frames.engine_frames)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    @contextlib.contextmanager
    def started(
        cls, project: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> Iterator[Self]:
        """A worker that has said hello; it is killed at the end."""
        with contextlib.ExitStack() as cleanup:
            folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="fs-"))
            listener = cleanup.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            listener.bind(f"{folder}/workers")
            listener.listen()
            listener.settimeout(WAIT_S)
            read_end, write_end = os.pipe()
            own = {
                "FIRESTEEL_WORKER_SOCKET": f"{folder}/workers",
                "FIRESTEEL_WORKER_TOKEN": TOKEN,
                "FIRESTEEL_WORKER_PROJECT": str(project or ""),
                "FIRESTEEL_LIFELINE_FD": str(read_end),
            }
            process = subprocess.Popen(
                [sys.executable, "-m", "firesteel.worker"],
                env={**os.environ, **own, **(environment or {})},
                pass_fds=(read_end,),
            )
            cleanup.callback(process.wait, WAIT_S)
            cleanup.callback(process.kill)
            os.close(read_end)
            connection, _ = listener.accept()
            cleanup.enter_context(connection)
            connection.settimeout(WAIT_S)
            peer = cls(process, connection, write_end)
            cleanup.callback(peer.cut_lifeline)
            peer.next(frames.Hello)
            yield peer

    def send(self, *sent: frames.Frame) -> None:
        """Several frames in one write."""
        self.connection.sendall(b"".join(frames.encode(frame) for frame in sent))

    def define(
        self,
        document: Mapping[str, Any],
        connections: Mapping[str, Any] | None = None,
        *,
        version_no: int = 1,
        allow: tuple[str, ...] = ("127.0.0.0/8",),
    ) -> None:
        """Make a version and the workspace's connections known."""
        data = json.dumps(document).encode()
        known = json.dumps(connections or {}).encode()
        self.send(
            frames.Connections("test", known, 1, list(allow)),
            frames.Define(version_no, "test", 1, data),
        )

    def run(
        self,
        sent: Message | None = None,
        *,
        version_no: int = 1,
        journal: list[JournalEntry] | None = None,
        timeout_s: float = 20.0,
        execution: str = "e" * 32,
    ) -> int:
        """Start an attempt; its execution number. The epoch is 7, always."""
        number = next(self._numbers)
        self.send(
            frames.Run(
                number,
                7,
                execution,
                version_no,
                1,
                timeout_s,
                sent or message(),
                journal or [],
            )
        )
        return number

    def outcome(self, number: int) -> frames.Outcome:
        """Wait for the outcome of an attempt."""
        return self.next(frames.Outcome, lambda frame: frame.execution_no == number)

    def attempt(
        self, document: Mapping[str, Any], sent: Message | None = None, **more: Any
    ) -> frames.Outcome:
        """Define, run, and wait for the outcome."""
        self.define(document, more.pop("connections", None))
        return self.outcome(self.run(sent, **more))

    def next(self, kind: type[F], wanted: Callable[[F], bool] = lambda _: True) -> F:
        """The first frame of a kind that was not taken yet. Raises EOFError where the worker has
        closed the socket, TimeoutError where it does not come."""
        while True:
            for frame in self.received:
                if isinstance(frame, kind) and wanted(frame):
                    self.received.remove(frame)
                    return frame
            data = self.connection.recv(1 << 20)
            if not data:
                raise EOFError("the worker has closed its socket")
            for frame in self._reader.feed(data):
                self._take(frame)

    def confirmed(self, record: frames.Record, *, accepted: bool = True) -> None:
        """Answer a record."""
        entry = record.entry
        self.send(frames.Recorded(record.execution_no, record.epoch, entry.step, accepted))

    def cut_lifeline(self) -> None:
        """What the worker sees when the supervisor dies."""
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1

    def _take(self, frame: frames.Frame) -> None:
        if isinstance(frame, frames.Record):
            self.recorded.append(frame)
            if self.confirm:
                self.confirmed(frame)
                return
        if isinstance(frame, frames.Lookup):
            document = self.integrations.get(frame.integration)
            data = b"" if document is None else json.dumps(document).encode()
            self.send(frames.Found(frame.request_no, 100 if data else 0, data))
            return
        self.received.append(frame)
