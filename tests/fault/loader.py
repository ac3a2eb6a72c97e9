"""Callers: threads that call triggers at a steady rate and write down what they were told."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from tests.fault.history import Call, CallRecorder, Invocation

CALLERS = 8
TIMEOUT_S = 60.0
LANES = 4
_MAYBE_STORED = "urn:firesteel:outcome_unknown"


class Callee(Protocol):
    """Whom to call: a node, or several in turn."""

    @property
    def url(self) -> str:
        """Where the next call goes."""
        ...

    def headers(self) -> dict[str, str]:
        """Of every call."""
        ...


@dataclass
class Loader:
    """``rate``: calls a second over all callers. Triggers take turns; a lane is one of four."""

    service: Callee
    triggers: tuple[str, ...]
    rate: float
    recorder: CallRecorder = field(default_factory=CallRecorder)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _faults: list[BaseException] = field(default_factory=list)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Calls are made while the block runs; at its end every call has ended."""
        turns = [threading.Thread(target=self._run, args=(n,)) for n in range(CALLERS)]
        for caller in turns:
            caller.start()
        try:
            yield
        finally:
            self._stopped.set()
            for caller in turns:
                caller.join()
        assert not self._faults, self._faults

    def _run(self, number: int) -> None:
        try:
            with Caller(self.service, self.recorder) as caller:
                self._call_in_turn(caller, number)
        except BaseException as error:  # noqa: BLE001  # told by ``running``
            self._faults.append(error)

    def _call_in_turn(self, caller: Caller, number: int) -> None:
        every_s = CALLERS / self.rate
        due = time.monotonic() + every_s * number / CALLERS
        for turn in itertools.count(number):
            if self._stopped.wait(max(due - time.monotonic(), 0)):
                return
            due = max(due + every_s, time.monotonic())
            trigger = self.triggers[turn % len(self.triggers)]
            lane = f"lane {turn // len(self.triggers) % LANES}" if trigger == "Ordered" else None
            caller.call(trigger, lane)


class Caller:
    """One connection to each node, opened anew when it was lost."""

    def __init__(self, service: Callee, recorder: CallRecorder) -> None:
        self._service = service
        self._recorder = recorder
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.close()

    def call(
        self,
        trigger: str,
        lane: str | None = None,
        *,
        key: str | None = None,
        wait_s: int | None = None,
        **more: Any,
    ) -> Call:
        """One call, from the invocation to its end. ``key``: of idempotency; ``wait_s``: how long
        it prefers to wait for a response; ``more`` goes into the body."""
        url = self._service.url
        invocation = self._recorder.invoke(trigger, lane, key)
        body = json.dumps({"value": invocation.value, "lane": lane, **more})
        said = {} if key is None else {"idempotency-key": key}
        if wait_s is not None:
            said["prefer"] = f"wait={wait_s}"
        try:
            connection = self._connected(url)
        except OSError:
            return invocation.fail(refused=True)
        try:
            connection.request(
                "POST", f"/test/{trigger}", body, {**self._service.headers(), **said}
            )
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return invocation.unknown()
        return _told(invocation, answer, data)

    def _connected(self, url: str) -> http.client.HTTPConnection:
        connection = self._connections.get(url)
        if connection is None:
            address = urlsplit(url)
            assert address.hostname is not None
            connection = http.client.HTTPConnection(
                address.hostname, address.port, timeout=TIMEOUT_S
            )
            self._connections[url] = connection
        if connection.sock is not None and _was_closed(connection.sock):
            connection.close()
        if connection.sock is None:
            connection.connect()
        return connection


def _was_closed(idle: socket.socket) -> bool:
    """Whether the other side has closed the connection since the last answer: nothing else can
    come on it. What is sent on such a one gets no answer, which is the caller's own fault."""
    return bool(select.select([idle], [], [], 0)[0])


def _told(invocation: Invocation, answer: http.client.HTTPResponse, data: bytes) -> Call:
    """What an answer means: a 2xx or an answer of the workflow acknowledges."""
    invocation.answered(answer.status)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return invocation.fail(refused=True)  # another test's node has the port by now
    message_id = answer.headers["firesteel-message-id"]
    document = json.loads(data)
    if message_id is not None:
        sequence = int(answer.headers["firesteel-sequence"])
        return invocation.ok(message_id, sequence, document.get("value"))
    if document["type"] == _MAYBE_STORED:
        return invocation.unknown()
    assert answer.status in (429, 503), (answer.status, data)
    assert answer.headers["retry-after"] is not None
    return invocation.fail()
