"""From the steps of a document to steps that run: every expression is compiled here, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firesteel.errors import AuthorError
from firesteel.model.template import whole_expression
from firesteel.worker.expressions import compile_expression
from firesteel.worker.steps.control import CallWork, ChooseWork, FailWork, ForEachWork, MapWork
from firesteel.worker.steps.http import HttpWork
from firesteel.worker.steps.python import PythonWork
from firesteel.worker.steps.run import CompiledStep, StepList

if TYPE_CHECKING:
    from firesteel.model.steps import Step
    from firesteel.worker.expressions import Expression
    from firesteel.worker.steps.run import Work


def compile_steps(steps: list[Step]) -> StepList:
    """Raises AuthorError for an expression or statement that cannot be used."""
    return StepList(tuple(compile_step(step) for step in steps))


def compile_step(step: Step) -> CompiledStep:
    """The same for one step."""
    return CompiledStep(step.name, _work(step), _when(step.when), step.timeout_s, step.retry)


def _work(step: Step) -> Work:  # one line a kind
    if step.sql is not None:
        # Here, so that a worker without databases starts without SQLAlchemy: half its start.
        from firesteel.worker.steps.sql import SqlWork

        return SqlWork(step.sql)
    if step.http is not None:
        return HttpWork(step.http)
    if step.python is not None:
        return PythonWork(step.python)
    if step.choose is not None:
        branches = [(_when(item.when), compile_steps(item.steps)) for item in step.choose]
        return ChooseWork(branches)
    if step.for_each is not None:
        loop = step.for_each
        return ForEachWork(loop.items, compile_steps(loop.steps), loop.concurrency)
    if step.call is not None:
        return CallWork(step.call)
    if step.fail is not None:
        return FailWork(step.fail)
    return MapWork(step.map)


def _when(text: str | None) -> Expression | None:
    if text is None:
        return None
    source = whole_expression(text)
    if source is None:
        raise AuthorError("when takes one expression", code="expression_missing")
    return compile_expression(source)
