"""What a step sees and may use while it runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from firesteel.authoring import Message
    from firesteel.model.message import Request
    from firesteel.worker.connections import WorkspaceConnections
    from firesteel.worker.functions import Found
    from firesteel.worker.journal import AttemptJournal
    from firesteel.worker.python_steps import PythonSteps
    from firesteel.worker.threads import Threads
    from firesteel.worker.traces import AttemptSpans, Traces


class Called(Protocol):
    """An integration that a ``call`` step runs inside its own execution."""

    async def run_inside(self, scope: Scope, input_: Any) -> Any:
        """The result of its workflow; ``scope`` is its own already."""
        ...


class Surroundings(Protocol):
    """What the worker has for every attempt."""

    threads: Threads
    folder: Path | None

    @property
    def traces(self) -> Traces | None:
        """Where spans go; None: nobody traces."""
        ...

    async def find_function(self, reference: str) -> Found:
        """The Python function, imported once. Raises FunctionInvalid."""
        ...

    async def find_integration(self, workspace: str, name: str) -> Called | None:
        """The published version of an integration."""
        ...


@dataclass(frozen=True, slots=True)
class Surrounded:
    """One attempt, as its steps know it. ``deadline`` is the event loop's time. ``spans``
    None: nobody traces."""

    surroundings: Surroundings
    connections: WorkspaceConnections
    journal: AttemptJournal
    python: PythonSteps
    workspace: str
    execution: str
    request: Request
    message: Message
    deadline: float
    spans: AttemptSpans | None = None

    def left_s(self) -> float:
        """Seconds until the attempt's time is over."""
        return self.deadline - asyncio.get_running_loop().time()


@dataclass(frozen=True, slots=True)
class Scope:
    """What one list of steps runs with.

    ``context``: what expressions see; its ``steps`` grows with every step that is done. ``prefix``:
    of the places of steps, ``""`` or ending in ``/``. ``callers``: the integrations that called
    each other down to here, the outermost first.
    """

    attempt: Surrounded
    context: dict[str, Any]
    prefix: str
    callers: tuple[str, ...]

    @property
    def results(self) -> dict[str, Any]:
        """The results of the steps so far, by name."""
        results: dict[str, Any] = self.context["steps"]
        return results

    def for_item(self, item: Any, index: int, place: str) -> Scope:
        """For one item of ``for_each``: what its steps add, other items do not see."""
        context = self.context | {"steps": dict(self.results), "item": item, "index": index}
        return replace(self, context=context, prefix=f"{place}/{index}/")

    def for_call(self, integration: str, input_: Any, place: str) -> Scope:
        """For a called integration: its own input and steps, the same message."""
        context = {key: self.context[key] for key in self.context if key not in ("item", "index")}
        context |= {"input": input_, "steps": {}}
        callers = (*self.callers, integration)
        return replace(self, context=context, prefix=f"{place}/", callers=callers)
