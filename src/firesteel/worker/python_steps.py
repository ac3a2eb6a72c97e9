"""``@step`` inside an execution: done once, its result taken from the journal afterwards."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from firesteel.errors import AuthorError
from firesteel.model.step_result import decode_result, encode_result
from firesteel.worker.functions import result_adapter
from firesteel.worker.journal import now_us

if TYPE_CHECKING:
    from firesteel.authoring import StepDefinition
    from firesteel.model.execution import JournalEntry
    from firesteel.worker.capture import Captured
    from firesteel.worker.journal import AttemptJournal
    from firesteel.worker.traces import AttemptSpans

KIND = "python"


class StepMisused(AuthorError):
    """A ``@step`` is called where it cannot be journaled."""

    code = "step_misused"


class PythonSteps:
    """The current execution, for the functions of one workflow or step. A place in the journal is
    ``prefix`` + name + ``#`` + how many calls of that name came before."""

    __slots__ = ("_captured", "_counts", "_journal", "_loop", "_prefix", "_spans", "write")

    def __init__(
        self,
        journal: AttemptJournal,
        captured: Captured,
        loop: asyncio.AbstractEventLoop,
        prefix: str = "",
        spans: AttemptSpans | None = None,
    ) -> None:
        self._spans = spans
        self._journal = journal
        self._captured = captured
        self._loop = loop
        self._prefix = prefix
        self._counts: dict[str, int] = {}
        self.write = captured.write

    def within(self, place: str) -> PythonSteps:
        """The same execution, for a function that is itself at ``place``."""
        return PythonSteps(
            self._journal, self._captured, self._loop, f"{place}/", spans=self._spans
        )

    async def run_step(
        self, step: StepDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """See ``authoring.CurrentExecution``. Raises LeaseLost, ResultInvalid and what the function
        raises, which is not journaled."""
        place = self._place(step)
        entry = self._journal.replay(place)
        if entry is not None:
            return _restored(step, entry)
        await self._barrier()
        started_at_us = now_us()
        with self._span(place):
            value = await step.function(*args, **kwargs)
        self._record(step, self._entry(step, place, started_at_us, value))
        return value

    def run_plain_step(
        self, step: StepDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """The same in a thread."""
        place = self._place(step)
        entry = self._journal.replay(place)
        if entry is not None:
            return _restored(step, entry)
        if _running_loop() is not None:
            raise StepMisused(
                f"the step {step.name} is a plain function and was called from a coroutine: make it"
                " async, or call it with asyncio.to_thread"
            )
        asyncio.run_coroutine_threadsafe(self._journal.barrier(), self._loop).result()
        started_at_us = now_us()
        with self._span(place):
            value = step.function(*args, **kwargs)
        self._record(step, self._entry(step, place, started_at_us, value))
        return value

    def _span(self, place: str) -> AbstractContextManager[None]:
        return nullcontext() if self._spans is None else self._spans.step(place, KIND)

    def _place(self, step: StepDefinition) -> str:
        number = self._counts.get(step.name, 0)
        self._counts[step.name] = number + 1
        return f"{self._prefix}{step.name}#{number}"

    async def _barrier(self) -> None:
        if _running_loop() is self._loop:
            await self._journal.barrier()
        else:
            waiting = asyncio.run_coroutine_threadsafe(self._journal.barrier(), self._loop)
            await asyncio.wrap_future(waiting)

    def _entry(
        self, step: StepDefinition, place: str, started_at_us: int, value: Any
    ) -> JournalEntry:
        adapter = result_adapter(step.function)
        plain = value if adapter is None else adapter.dump_python(value)
        return self._journal.entry(place, KIND, started_at_us, encode_result(plain))

    def _record(self, step: StepDefinition, entry: JournalEntry) -> None:
        if _running_loop() is self._loop:
            self._journal.record(entry)
        else:
            self._loop.call_soon_threadsafe(self._journal.record, entry)


def _restored(step: StepDefinition, entry: JournalEntry) -> Any:
    value = decode_result(entry.result)
    adapter = result_adapter(step.function)
    return value if adapter is None else adapter.validate_python(value)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
