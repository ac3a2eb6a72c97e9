"""Does one step of a document once, for somebody who tries it. Nothing is journaled or retried."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from firesteel.authoring import current_execution
from firesteel.errors import AuthorError
from firesteel.model import frames
from firesteel.model.execution import Failure, InputFault
from firesteel.model.expressions import of_step, steps
from firesteel.model.fault import value_at
from firesteel.model.json_exact import dumps
from firesteel.model.section import Reading
from firesteel.model.steps import Step
from firesteel.model.template import TemplateError, sources
from firesteel.worker.capture import Captured
from firesteel.worker.connections import RollingBack, WorkspaceConnections
from firesteel.worker.expressions import ExpressionSyntax, compile_expression
from firesteel.worker.failures import failure_of
from firesteel.worker.functions import Found, find_function
from firesteel.worker.journal import AttemptJournal
from firesteel.worker.preview import shortened_text
from firesteel.worker.python_steps import PythonSteps
from firesteel.worker.standing import Standing, View
from firesteel.worker.steps.compile import compile_step
from firesteel.worker.steps.run import StepList
from firesteel.worker.steps.scope import Scope, Surrounded
from firesteel.worker.threads import Threads
from firesteel.worker.version import Version

_ALL = "*"


class StepInvalid(AuthorError):
    """The step has faults of its own; they are those that publishing would find."""

    code = "step_invalid"


class ResultsMissing(AuthorError):
    """The step reads what is not known for this message."""

    code = "results_missing"


class Around:
    """What a step has around it here; implements ``steps.scope.Surroundings``."""

    def __init__(self, folder: Path | None, called: dict[str, bytes]) -> None:
        self.folder = folder
        self.threads = Threads()
        self.traces = None
        self._called = called

    async def find_function(self, reference: str) -> Found:
        """The Python function, as it stands on disk now."""
        folder = None if self.folder is None else (self.folder / "workflows").resolve()
        return await self.threads.run(lambda: find_function(reference, folder))

    async def find_integration(self, workspace: str, name: str) -> Version | None:
        """Of those that the engine has sent along."""
        document = self._called.get(name)
        return None if document is None else Version(frames.Define(0, workspace, 0, document))


async def try_step(frame: frames.Try, folder: Path | None) -> frames.Tried:
    """How it went; raises nothing."""
    captured = Captured()
    started_s = time.monotonic()
    try:
        async with asyncio.timeout(frame.timeout_s) as limit:
            left_out, value = await _done(frame, folder, captured)
        written = b"" if left_out else dumps(value)
    except TimeoutError as error:
        failure = failure_of(error)
        if limit.expired():
            text = f"the step took longer than {frame.timeout_s:g} s and was ended"
            failure = Failure("transient", "step_timeout", text, step=frame.step)
        return _failed(frame, failure, captured, started_s)
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is the answer
        return _failed(frame, failure_of(error, code="step_failed"), captured, started_s)
    return frames.Tried(
        frame.request_no,
        left_out=left_out,
        value=shortened_text(written),
        size_bytes=len(written),
        logs=captured.text(),
        took_s=time.monotonic() - started_s,
    )


async def _done(frame: frames.Try, folder: Path | None, captured: Captured) -> tuple[bool, Any]:
    """Whether its ``when`` leaves the step out, and its result."""
    standing = Standing(frame.ground)
    view = standing.at_step(frame.step)
    written = value_at(standing.document, standing.pointer(frame.step) or "")
    _refuse_missing(written, view)
    step = replace(compile_step(_read(written)), retry=None)
    if step.when is not None and not step.when.evaluate(view.context):
        return True, None
    # Its when is known; results stand in the view's own dictionary.
    scope = _scope(frame, standing, view, (folder, captured))
    current_execution.set(scope.attempt.python)
    try:
        return False, await StepList((replace(step, when=None),)).run(scope)
    finally:
        await scope.attempt.connections.close()


def _read(written: Any) -> Step:
    try:
        return Step.model_validate(written, context=Reading())
    except ValidationError as error:
        places = sorted({".".join(map(str, item["loc"])) or item["msg"] for item in error.errors()})
        raise StepInvalid(f"the step has faults: {', '.join(places)}") from error


def _refuse_missing(written: dict[str, Any], view: View) -> None:
    """An unknown result would be undefined, and the step would do what nobody meant."""
    read = _read_steps(written)
    missing = [name for name in view.missing if name in read or _ALL in read]
    if missing:
        names = ", ".join(missing)
        raise ResultsMissing(
            f"the step reads the result of {names}, which is not known for this message: try"
            " that step first, or take a message that has run it"
        )


def _read_steps(written: dict[str, Any]) -> set[str]:
    """The steps whose results a step and those within it read."""
    read: set[str] = set()
    whole = {"workflow": {"steps": [written]}}
    for _, step in steps(whole):
        for _, text in of_step(step):
            try:
                reads = [compile_expression(source).reads() for source in sources(text)]
            except (TemplateError, ExpressionSyntax):
                continue
            paths = [path for found in reads for path in found.paths if path[0] == "steps"]
            read |= {path[1] if len(path) > 1 else _ALL for path in paths}
    return read


def _scope(
    frame: frames.Try, standing: Standing, view: View, given: tuple[Path | None, Captured]
) -> Scope:
    folder, captured = given
    loop = asyncio.get_running_loop()
    run = frames.Run(0, 0, frame.execution, 0, 1, frame.timeout_s, frame.ground.message, [])
    journal = AttemptJournal(run, lambda _record: _confirm(journal))
    connections = frames.Connections(frame.workspace, frame.connections, 1, frame.outgoing_allow)
    kind = RollingBack if frame.roll_back else WorkspaceConnections
    surrounded = Surrounded(
        Around(folder, frame.called),
        kind.of(connections, folder),
        journal,
        PythonSteps(journal, captured, loop),
        frame.workspace,
        frame.execution,
        standing.message.request,
        standing.message,
        loop.time() + frame.timeout_s,
    )
    name = standing.document.get("name")
    return Scope(surrounded, view.context, view.prefix, (str(name),))


def _confirm(journal: AttemptJournal) -> None:
    """Nobody journals a try: what was recorded counts as committed."""
    asyncio.get_running_loop().call_soon(journal.recorded, True)


def _failed(
    frame: frames.Try, failure: Failure, captured: Captured, started_s: float
) -> frames.Tried:
    faults = [InputFault(item.pointer, item.code, item.detail) for item in failure.faults]
    failure = msgspec.structs.replace(failure, faults=faults)
    return frames.Tried(
        frame.request_no,
        failure,
        logs=captured.text(),
        took_s=time.monotonic() - started_s,
    )
