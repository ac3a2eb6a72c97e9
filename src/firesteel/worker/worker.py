"""The worker's state: versions, connections and attempts; what each frame of the engine does."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from firesteel.errors import AuthorError
from firesteel.model import frames
from firesteel.model.execution import Failure, InputFault
from firesteel.worker.apart import process
from firesteel.worker.attempt import Attempt
from firesteel.worker.connections import WorkspaceConnections, warm_up
from firesteel.worker.failures import failure_of
from firesteel.worker.functions import find_function
from firesteel.worker.key_fetching import fetch_keys
from firesteel.worker.lease import Lease
from firesteel.worker.preview import preview
from firesteel.worker.questions import check, probe, read_body, redact
from firesteel.worker.threads import Threads
from firesteel.worker.version import Version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from pathlib import Path

    from firesteel.worker.functions import Found
    from firesteel.worker.link import EngineLink
    from firesteel.worker.traces import Traces

CALLED_LIMIT = 100
IMPORT_PATIENCE_S = 3.0


class Worker:
    """``folder``: the project's, None where there is none. ``finished`` is called when a drained
    worker has nothing left to do. Implements ``link.Receiver`` and ``steps.scope.Surroundings``."""

    def __init__(
        self, folder: Path | None, finished: Callable[[], None], traces: Traces | None = None
    ) -> None:
        self.folder = folder
        self.threads = Threads()
        self.traces = traces
        self.lease = Lease()
        self.link: EngineLink
        self._workflows = None if folder is None else (folder / "workflows").resolve()
        self._finished = finished
        self._draining = False
        self._definitions: dict[int, frames.Define] = {}
        self._versions: dict[int, Version] = {}
        self._called: OrderedDict[int, Version] = OrderedDict()
        self._functions: dict[str, Found] = {}
        self._importing = asyncio.Lock()
        self._connections: dict[str, WorkspaceConnections] = {}
        self._attempts: dict[tuple[int, int], Attempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._actions: dict[type[frames.Frame], Callable[..., None]] = {
            frames.Run: self._run,
            frames.Recorded: self._recorded,
            frames.Define: self._define,
            frames.Forget: self._forget,
            frames.Connections: self._replace_connections,
            frames.Cancel: self._cancel,
            frames.Import: self._import,
            frames.Check: self._check,
            frames.ReadBody: self._read_body,
            frames.Redact: self._redact,
            frames.Probe: self._probe,
            frames.FetchKeys: self._fetch_keys,
            frames.Deliver: self._deliver,
            frames.Preview: self._preview,
            frames.Try: self._try,
            frames.ListFunctions: self._list_functions,
            frames.Lease: self._hold_until,
            frames.Drain: self._drain,
        }

    def received(self, frame: frames.Frame) -> None:
        """Do what the engine asks; long things go on in the background."""
        self._actions[type(frame)](frame)

    def drain(self) -> None:
        """Take no more; ``finished`` when the last attempt has ended."""
        self._draining = True
        self._finish_if_idle()

    def warm_up(self) -> None:
        """Get ready for the first step with a connection, while there is nothing else to do."""
        self._in_background(self.threads.run(warm_up))

    # steps.scope.Surroundings

    async def find_function(self, reference: str) -> Found:
        """In a thread: it may take long, and others go on meanwhile."""
        found = self._functions.get(reference)
        if found is None:
            async with self._import_in_turn():
                found = await self.threads.run(lambda: find_function(reference, self._workflows))
            self._functions[reference] = found
        return found

    @contextlib.asynccontextmanager
    async def _import_in_turn(self) -> AsyncIterator[None]:
        """One import at a time; but one that never ends holds up each other for a moment only."""
        in_turn = True
        try:
            async with asyncio.timeout(IMPORT_PATIENCE_S):
                await self._importing.acquire()
        except TimeoutError:
            in_turn = False
        try:
            yield
        finally:
            if in_turn:
                self._importing.release()

    async def find_integration(self, workspace: str, name: str) -> Version | None:
        """The published version, asked of the engine each time and compiled once."""
        answer = await self.link.look_up(workspace, name)
        if not answer.document:
            return None
        version = self._called.get(answer.version_no)
        if version is None:
            define = frames.Define(answer.version_no, workspace, 0, answer.document)
            version = self._called[answer.version_no] = Version(define)
            if len(self._called) > CALLED_LIMIT:
                self._called.popitem(last=False)
        return version

    # frames about attempts

    def _run(self, run: frames.Run) -> None:
        try:
            version = self._version(run.version_no)
        except Exception as error:  # noqa: BLE001  # whatever it is, the engine is told
            self._refuse(run, failure_of(error))
            return
        attempt = Attempt(
            run,
            version,
            surroundings=self,
            connections=self._of_workspace(version.workspace),
            send=self.link.send,
            holds=self.lease.holds,
        )
        self._attempts[run.execution_no, run.epoch] = attempt
        attempt.start(self._attempt_ended)

    def _version(self, version_no: int) -> Version:
        version = self._versions.get(version_no)
        if version is None:
            version = self._versions[version_no] = Version(self._definitions[version_no])
        return version

    def _refuse(self, run: frames.Run, failure: Failure) -> None:
        self.link.send(frames.Outcome(run.execution_no, run.epoch, None, failure))

    def _attempt_ended(self, attempt: Attempt) -> None:
        run = attempt.run_frame
        del self._attempts[run.execution_no, run.epoch]
        if self._draining:
            self._finish_if_idle()

    def _recorded(self, frame: frames.Recorded) -> None:
        attempt = self._attempts.get((frame.execution_no, frame.epoch))
        if attempt is not None:
            attempt.recorded(frame)

    def _cancel(self, frame: frames.Cancel) -> None:
        attempt = self._attempts.get((frame.execution_no, frame.epoch))
        if attempt is not None:
            attempt.end("attempt_cancelled")

    def _hold_until(self, frame: frames.Lease) -> None:
        self.lease.until_s = frame.until_s

    def _drain(self, _frame: frames.Drain) -> None:
        self.drain()

    def _finish_if_idle(self) -> None:
        if not self._attempts and not self._tasks:
            self._finished()

    # frames about versions and connections

    def _define(self, frame: frames.Define) -> None:
        self._definitions[frame.version_no] = frame
        self._versions.pop(frame.version_no, None)

    def _forget(self, frame: frames.Forget) -> None:
        self._definitions.pop(frame.version_no, None)
        self._versions.pop(frame.version_no, None)

    def _replace_connections(self, frame: frames.Connections) -> None:
        newer = WorkspaceConnections.of(frame, self.folder)
        older = self._connections.get(frame.workspace)
        self._connections[frame.workspace] = newer
        if older is not None:
            newer.take_over(older)
            self._in_background(older.close())

    def _of_workspace(self, workspace: str) -> WorkspaceConnections:
        connections = self._connections.get(workspace)
        if connections is None:
            empty = frames.Connections(workspace, b"{}", 1, [])
            connections = WorkspaceConnections.of(empty, self.folder)
            self._connections[workspace] = connections
        return connections

    # code and questions

    def _import(self, frame: frames.Import) -> None:
        async def find(references: list[str]) -> None:
            for reference in references:
                with contextlib.suppress(AuthorError):  # the attempt that needs it will say so
                    await self.find_function(reference)

        async def answer() -> None:
            finding = asyncio.ensure_future(find(frame.references))
            await asyncio.wait([finding], timeout=IMPORT_PATIENCE_S)
            self.link.send(frames.Imported())
            await finding

        self._in_background(answer())

    def _check(self, frame: frames.Check) -> None:
        async def answer() -> None:
            try:
                faults = await check(frame.document, self)
            except Exception as error:  # noqa: BLE001  # whatever it is, the engine is told
                faults = [InputFault("", "check_failed", failure_of(error).detail)]
            self.link.send(frames.Checked(frame.request_no, faults))

        self._in_background(answer())

    def _read_body(self, frame: frames.ReadBody) -> None:
        async def answer() -> None:
            try:
                faults, keys = await self.threads.run(lambda: read_body(frame))
            except Exception as error:  # noqa: BLE001  # whatever it is, the engine is told
                faults = [InputFault("", "body_unreadable", type(error).__name__)]
                keys = [None] * len(frame.paths)
            self.link.send(frames.BodyRead(frame.request_no, faults, keys))

        self._in_background(answer())

    def _redact(self, frame: frames.Redact) -> None:
        async def answer() -> None:
            try:
                body, what = await self.threads.run(lambda: redact(frame))
            except Exception:  # noqa: BLE001  # whatever it is, the engine is told
                body, what = None, "body"
            self.link.send(frames.Redacted(frame.request_no, body, what))

        self._in_background(answer())

    def _probe(self, frame: frames.Probe) -> None:
        async def answer() -> None:
            connections = self._of_workspace(frame.workspace)
            failure = await probe(connections, frame.connection)
            self.link.send(frames.Probed(frame.request_no, failure))

        self._in_background(answer())

    def _fetch_keys(self, frame: frames.FetchKeys) -> None:
        async def answer() -> None:
            document, failure = await fetch_keys(frame)
            self.link.send(frames.KeysFetched(frame.request_no, document, failure))

        self._in_background(answer())

    def _deliver(self, frame: frames.Deliver) -> None:
        async def answer() -> None:
            deliver = await self.threads.run(_load_delivery)  # few workers ever need it
            failure = await deliver(frame, self.folder)
            self.link.send(frames.Delivered(frame.request_no, failure))

        self._in_background(answer())

    def _preview(self, frame: frames.Preview) -> None:
        async def answer() -> None:
            # In a thread: an evaluation may take a second, which attempts do not wait for.
            self.link.send(await self.threads.run(lambda: preview(frame)))

        self._in_background(answer())

    def _try(self, frame: frames.Try) -> None:
        async def answer() -> None:
            found = await self._apart(frame)
            if isinstance(found, Failure):
                found = frames.Tried(frame.request_no, found)
            self.link.send(found)

        self._in_background(answer())

    def _list_functions(self, frame: frames.ListFunctions) -> None:
        async def answer() -> None:
            found = await self._apart(frame)
            if isinstance(found, Failure):
                found = frames.FunctionsFound(frame.request_no, failure=found)
            self.link.send(found)

        self._in_background(answer())

    async def _apart(self, frame: frames.Try | frames.ListFunctions) -> frames.Frame | Failure:
        try:
            return await process.ask(frame, self.folder)
        except OSError as error:  # such as no more processes
            return failure_of(error)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._background_done)

    def _background_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._draining:
            self._finish_if_idle()


def _load_delivery() -> Callable[[frames.Deliver, Path | None], Awaitable[Failure | None]]:
    from firesteel.worker.alert_delivery import deliver

    return deliver
