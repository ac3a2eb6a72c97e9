"""Questions that only a worker may answer, since user's code or big input is in them: does a
document compile, what keys has a big body, does a connection work. Also the questions that workers
ask the engine (``Lookup``)."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import TYPE_CHECKING, TypeVar

from firesteel.engine.calls import BodyKeys
from firesteel.errors import OperatorError
from firesteel.model import frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from firesteel.engine.definitions import Plan
    from firesteel.engine.link import Link
    from firesteel.engine.pool import Pool
    from firesteel.model.execution import Failure, InputFault
    from firesteel.model.trials import Ground

TIMEOUT_S = 20.0
WORKER_WAIT_S = 5.0
WAITING_LIMIT = 1000
APART_S = 15.0
"""More than a worker waits for a process of its own to start and end."""
KEYS_TIMEOUT_S = 5.0
DELIVERY_TIMEOUT_S = 15.0
KEYS_LIMIT_BYTES = 256 * 1024
_ANSWERS = (
    frames.Checked
    | frames.BodyRead
    | frames.Redacted
    | frames.Probed
    | frames.KeysFetched
    | frames.Delivered
    | frames.Previewed
    | frames.Tried
    | frames.FunctionsFound
)

Answer = TypeVar("Answer", bound=frames.Frame)


class NoWorker(OperatorError):
    """No worker process answered in time."""

    code = "workers_unavailable"


class Questions:
    """Asks workers and answers theirs. ``find``: the published plan of an integration."""

    def __init__(
        self,
        pool: Pool,
        find: Callable[[str, str], Awaitable[Plan | None]],
        connections: Callable[[str], Awaitable[frames.Connections]],
    ) -> None:
        self._pool = pool
        self._find = find
        self._connections = connections
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[frames.Frame]] = {}
        self._lookups: set[asyncio.Task[None]] = set()

    async def check(self, workspace: str, document: dict[str, object]) -> list[InputFault]:
        """Faults of expressions and Python functions, by pointer into the document."""
        data = json.dumps(document, ensure_ascii=False).encode()
        answer = await self._ask(
            lambda number: frames.Check(number, workspace, data), frames.Checked
        )
        return answer.faults

    async def read_body(
        self, mode: bytes, content_type: str, body: bytes, paths: list[str]
    ) -> BodyKeys:
        """Faults of a big body against the trigger's ``body``, and a key for each path."""
        answer = await self._ask(
            lambda number: frames.ReadBody(number, mode, content_type, body, paths),
            frames.BodyRead,
        )
        return BodyKeys(answer.faults, answer.keys)

    async def redact(
        self, redact: Sequence[str], content_type: str, body: bytes
    ) -> frames.Redacted:
        """A big body without what ``redact`` lists."""
        return await self._ask(
            lambda number: frames.Redact(number, list(redact), content_type, body),
            frames.Redacted,
        )

    async def probe(self, workspace: str, connection: str) -> Failure | None:
        """None where the connection works."""
        link = await self._worker()
        link.send(await self._connections(workspace))
        answer = await self._ask(
            lambda number: frames.Probe(number, workspace, connection), frames.Probed, link
        )
        return answer.failure

    async def fetch_keys(self, url: str, outgoing_allow: list[str]) -> bytes:
        """The document with an issuer's public keys. Raises OperatorError with the failure's
        code."""
        answer = await self._ask(
            lambda number: frames.FetchKeys(
                number, url, KEYS_TIMEOUT_S, KEYS_LIMIT_BYTES, outgoing_allow
            ),
            frames.KeysFetched,
        )
        if answer.failure is not None:
            raise OperatorError(answer.failure.detail, code=answer.failure.code)
        return answer.document

    async def deliver(
        self, channel: bytes, alert: bytes, outgoing_allow: list[str]
    ) -> Failure | None:
        """Send an alert; None where it was taken. See ``frames.Deliver``."""
        answer = await self._ask(
            lambda number: frames.Deliver(
                number, channel, alert, DELIVERY_TIMEOUT_S, outgoing_allow
            ),
            frames.Delivered,
        )
        return answer.failure

    async def preview(
        self, ground: Ground, what: dict[str, object], *, sees: bool
    ) -> frames.Previewed:
        """Evaluate ``what`` (see ``frames.Preview``) on the ground."""
        data = json.dumps(what, ensure_ascii=False).encode()
        return await self._ask(
            lambda number: frames.Preview(number, ground, data, sees), frames.Previewed
        )

    async def try_step(self, make: Callable[[int], frames.Try], timeout_s: float) -> frames.Tried:
        """Do one step in a process of its own."""
        return await self._ask(make, frames.Tried, timeout_s=timeout_s + APART_S)

    async def functions(self, timeout_s: float) -> frames.FunctionsFound:
        """The Python functions of the workflows folder."""
        return await self._ask(
            lambda number: frames.ListFunctions(number, timeout_s),
            frames.FunctionsFound,
            timeout_s=timeout_s + APART_S,
        )

    def received(self, link: Link, frame: frames.Frame) -> None:
        """A frame of a worker that is no attempt's end."""
        if isinstance(frame, frames.Lookup):
            task = asyncio.get_running_loop().create_task(self._look_up(link, frame))
            self._lookups.add(task)
            task.add_done_callback(self._lookups.discard)
        elif isinstance(frame, _ANSWERS):
            future = self._open.get(frame.request_no)
            if future is not None and not future.done():
                future.set_result(frame)

    async def _look_up(self, link: Link, lookup: frames.Lookup) -> None:
        plan = await self._find(lookup.workspace, lookup.integration)
        if plan is None:
            link.send(frames.Found(lookup.request_no, 0, b""))
        else:
            definition = plan.definition
            link.send(frames.Found(lookup.request_no, definition.version_no, definition.document))

    async def _ask(
        self,
        make: Callable[[int], frames.Frame],
        expected: type[Answer],
        link: Link | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        if len(self._open) >= WAITING_LIMIT:
            raise NoWorker("too many questions wait for a worker")
        link = link or await self._worker()
        number = next(self._numbers)
        future: asyncio.Future[frames.Frame] = asyncio.get_running_loop().create_future()
        self._open[number] = future
        link.send(make(number))
        try:
            waited = (future, link.gone)
            await asyncio.wait(waited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._open[number]
        if not future.done():
            raise NoWorker("no worker answered in time")
        answer = future.result()
        if not isinstance(answer, expected):
            raise NoWorker("a worker answered with the wrong frame")
        return answer

    async def _worker(self) -> Link:
        deadline = asyncio.get_running_loop().time() + WORKER_WAIT_S
        while True:
            link = self._pool.free_link()
            if link is not None:
                return link
            left_s = deadline - asyncio.get_running_loop().time()
            if left_s <= 0 or not await self._pool.wait_for_worker(left_s):
                raise NoWorker("no worker is connected")
