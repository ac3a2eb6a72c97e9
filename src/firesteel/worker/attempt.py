"""One attempt: from the Run frame to exactly one Outcome, within its time.

The hot path of the worker: an empty workflow costs one task, one timer and a handful of small
objects, and everything that can be decoded later is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from firesteel.authoring import current_execution
from firesteel.model import frames
from firesteel.model.execution import Failure
from firesteel.worker.capture import Captured
from firesteel.worker.failures import failure_of
from firesteel.worker.journal import AttemptJournal
from firesteel.worker.message import ReceivedMessage
from firesteel.worker.python_steps import PythonSteps

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.model.execution import Response
    from firesteel.worker.connections import WorkspaceConnections
    from firesteel.worker.steps.scope import Surroundings
    from firesteel.worker.version import Version

_ENDINGS = {
    "attempt_timeout": "the attempt ran over its time-out",
    "attempt_cancelled": "the attempt was cancelled",
    "lease_lost": "the lease of the attempt is over",
}


class Attempt:
    """``ended`` is called once, after the Outcome has been handed over."""

    __slots__ = (
        "_begun",
        "_captured",
        "_ended",
        "_ending",
        "_loop",
        "_send",
        "_task",
        "_timer",
        "code_hash",
        "connections",
        "deadline",
        "input",
        "journal",
        "message",
        "python",
        "run_frame",
        "spans",
        "surroundings",
        "version",
    )

    def __init__(  # noqa: PLR0913  # all but two are named at the call
        self,
        run: frames.Run,
        version: Version,
        *,
        surroundings: Surroundings,
        connections: WorkspaceConnections,
        send: Callable[[frames.Frame], None],
        holds: Callable[[], bool] = lambda: True,
    ) -> None:
        self.run_frame = run
        self.version = version
        self.surroundings = surroundings
        self.connections = connections
        self.journal = AttemptJournal(run, send, holds)
        self.message = ReceivedMessage(run.message, run.attempt, version.parameters)
        self.input = b""
        self.code_hash = ""
        self._send = send
        self._captured = Captured()
        self._loop = loop = asyncio.get_running_loop()
        traces = surroundings.traces
        names = (version.workspace, version.name)
        request = self.message.request
        self.spans = None if traces is None else traces.attempt(run, names, request)
        self.python = PythonSteps(self.journal, self._captured, loop, spans=self.spans)
        self._ending = ""
        self._begun = False
        self.deadline = loop.time() + run.timeout_s

    def start(self, ended: Callable[[Attempt], None]) -> None:
        """Begin; ``ended`` when nothing of it runs any more."""
        self._ended = ended
        self._timer = self._loop.call_later(self.run_frame.timeout_s, self.end, "attempt_timeout")
        self._task = self._loop.create_task(self._run())

    def end(self, why: str) -> None:
        """Stop it: ``attempt_timeout``, ``attempt_cancelled`` or ``lease_lost``. Its Outcome comes
        when it has stopped; a function in a thread goes on until its next step."""
        if not self._ending:
            self._ending = why
            self.journal.close()
            if self._begun:  # a task that is cancelled before it begins would tell nothing
                self._task.cancel()

    def recorded(self, frame: frames.Recorded) -> None:
        """The engine has answered a Record."""
        self.journal.recorded(frame.accepted)
        if not frame.accepted:
            self.end("lease_lost")

    async def _run(self) -> None:
        self._begun = True
        current_execution.set(self.python)
        response: Response | None = None
        failure: Failure | None = None
        try:
            if self.spans is not None:
                self.spans.begin()
            if not self._ending:
                self.journal.check_lease()
                response = await self.version.perform(self)
        except BaseException as error:  # noqa: BLE001  # SystemExit of a workflow ends no worker
            failure = failure_of(error)
        self._timer.cancel()
        if self.journal.lapsed and not self._ending:  # whatever the workflow made of it
            self._ending = "lease_lost"
        if self._ending:
            response = None
            failure = Failure("unknown", self._ending, _ENDINGS[self._ending])
        if self.spans is not None:
            self.spans.end(failure)
        try:
            self._tell(response, failure)
        except (ValueError, OverflowError) as error:  # such as a text with half a surrogate pair
            text = f"the outcome cannot be told: {type(error).__name__}"
            self._tell(None, Failure("permanent", "outcome_invalid", text))
        self.journal.close()
        self._ended(self)

    def _tell(self, response: Response | None, failure: Failure | None) -> None:
        run = self.run_frame
        entries, logs = self.journal.rest(), self._captured.text()
        self._send(
            frames.Outcome(
                run.execution_no,
                run.epoch,
                response,
                failure,
                entries,
                self.input,
                logs,
                self.code_hash,
            )
        )
