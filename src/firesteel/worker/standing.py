"""What expressions would see at one place of a document, with a message and what its steps gave.

Results of the steps before come from what was given, else from the journal of an execution; map,
choose and for_each are worked out anew, for they are pure. What cannot be known is *missing*.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from firesteel.errors import AuthorError
from firesteel.model import json_exact
from firesteel.model.expressions import steps as all_steps
from firesteel.model.findings import items, mapping
from firesteel.model.parameters import compile_parameters
from firesteel.model.section import Reading
from firesteel.model.step_result import decode_result
from firesteel.model.trigger import Trigger
from firesteel.worker.expressions import ExpressionLimit, compile_expression
from firesteel.worker.expressions.errors import ExpressionError
from firesteel.worker.mapping import compile_document, data_processing_context
from firesteel.worker.message import ReceivedMessage

if TYPE_CHECKING:
    from firesteel.model.trials import Ground

CPU_S = 5.0
"""For all steps before together; each expression has its own bounds as well."""


class PlaceUnknown(AuthorError):
    """There is no such step, or no such item of a list."""

    code = "step_unknown"


class EarlierFailed(AuthorError):
    """What comes before the place fails with this message already."""

    code = "earlier_failed"


@dataclass(slots=True)
class View:
    """What one place sees. ``prefix``: of the places of steps there. ``last``: the result of the
    step before, None where there is none."""

    context: dict[str, Any]
    prefix: str = ""
    last: Any = None
    missing: list[str] = field(default_factory=list)

    @property
    def results(self) -> dict[str, Any]:
        """The results so far, by the names of steps."""
        results: dict[str, Any] = self.context["steps"]
        return results


class Standing:
    """Raises AuthorError for given results that are not JSON of an object."""

    def __init__(self, ground: Ground) -> None:
        self.document = mapping(json.loads(ground.document))
        rules = compile_parameters(_query_rules(self.document))
        self.message = ReceivedMessage(ground.message, 1, rules)
        self.step_dicts = items(mapping(self.document.get("workflow")).get("steps"))
        self._given = _results(ground.results)
        self._journal = {entry.step: entry for entry in ground.journal}
        self._index = ground.index
        self._deadline_s = time.thread_time() + CPU_S

    def received(self) -> dict[str, Any]:
        """What data processing sees."""
        return data_processing_context(self.message)

    def input(self, context: dict[str, Any]) -> Any:
        """What data processing makes of it. Raises EarlierFailed."""
        source = self.document.get("data_processing")
        if not isinstance(source, str):
            return {"query": self.message.query, "body": self.message.parsed_body()}
        try:
            return compile_expression(source).evaluate(context)
        except ExpressionError as error:
            raise EarlierFailed(f"data processing fails: {error.detail}") from error

    def at_step(self, name: str) -> View:
        """Before the step of that name, wherever it stands. Raises PlaceUnknown, EarlierFailed."""
        if all(step.get("name") != name for _, step in self._all()):
            raise PlaceUnknown(f"there is no step {name}")
        view = self._walk(self.step_dicts, self._start(), name)
        if view is None:
            raise PlaceUnknown(f"there is no step {name}")
        return view

    def at_end(self) -> View:
        """After all steps, where the response is made. Raises EarlierFailed."""
        view = self._start()
        self._run(self.step_dicts, view)
        return view

    def pointer(self, name: str) -> str | None:
        """Where the step stands in the document."""
        return next((at for at, step in self._all() if step.get("name") == name), None)

    def _all(self) -> list[tuple[str, dict[str, Any]]]:
        return list(all_steps(self.document))

    def _start(self) -> View:
        context = self.received()
        added = {"input": self.input(context), "steps": {}, "attempt": 1}
        return View(context | added)

    def _walk(self, steps: list[Any], view: View, target: str) -> View | None:
        """Work out the steps before the target; None where it is not among these."""
        for step in steps:
            if not isinstance(step, dict):
                continue
            if step.get("name") == target:
                return view
            inside = self._inside(step, view, target)
            if inside is not None:
                return inside
            self._step(step, view)
        return None

    def _inside(self, step: dict[str, Any], view: View, target: str) -> View | None:
        for branch in items(step.get("choose")):
            found = _of_branch(branch)
            if _holds(found, target):
                return self._walk(found, view, target)
        loop = mapping(step.get("for_each"))
        inner = items(loop.get("steps"))
        if not _holds(inner, target):
            return None
        listed = self._items(loop, view)
        if self._index >= len(listed):
            raise PlaceUnknown(
                f"{step.get('name')} has {len(listed)} items here: none of number {self._index}"
            )
        return self._walk(inner, _of_item(view, step, (listed[self._index], self._index)), target)

    def _run(self, steps: list[Any], view: View) -> Any:
        """The result of the last of these steps that was not left out."""
        last = None
        for step in steps:
            if isinstance(step, dict) and self._step(step, view):
                last = view.last
        return last

    def _step(self, step: dict[str, Any], view: View) -> bool:
        """Note the result of a step; False where it was left out or is missing."""
        name = str(step.get("name"))
        place = view.prefix + name
        if name in self._given:
            value = self._given[name]
        elif place in self._journal:
            value = decode_result(self._journal[place].result)
        else:
            try:
                if not self._happens(step.get("when"), view):
                    return False
                pure, value = self._pure(step, view)
            except ExpressionError as error:
                raise EarlierFailed(f"the step {place} fails: {error.detail}") from error
            if not pure:
                view.missing.append(name)
                return False
        view.results[name] = view.last = value
        return True

    def _pure(self, step: dict[str, Any], view: View) -> tuple[bool, Any]:
        """Whether the step is worked out from what is known, and its result."""
        missing = len(view.missing)
        value = None
        if "map" in step:
            value = compile_document(step["map"]).evaluate(view.context)
        elif "choose" in step:
            value = self._chosen(step, view)
        elif "for_each" in step:
            value = self._looped(step, view)
        else:
            return False, None
        return len(view.missing) == missing, value

    def _chosen(self, step: dict[str, Any], view: View) -> Any:
        for branch in items(step.get("choose")):
            if self._happens(mapping(branch).get("when"), view):
                return self._run(_of_branch(branch), view)
        return None

    def _looped(self, step: dict[str, Any], view: View) -> list[Any]:
        loop = mapping(step.get("for_each"))
        results = []
        for index, item in enumerate(self._items(loop, view)):
            inner = _of_item(view, step, (item, index))
            results.append(self._run(items(loop.get("steps")), inner))
            if len(inner.missing) > len(view.missing):
                view.missing[:] = inner.missing
                break
        return results

    def _items(self, loop: dict[str, Any], view: View) -> list[Any]:
        value = compile_document(loop.get("items")).evaluate(view.context)
        if value is None:
            return []
        return value if isinstance(value, list) else [value]

    def _happens(self, when: Any, view: View) -> bool:
        if time.thread_time() > self._deadline_s:
            raise ExpressionLimit(f"the steps before take over {CPU_S:g} s")
        return when is None or bool(compile_document(when).evaluate(view.context))


def _query_rules(document: dict[str, Any]) -> Trigger:
    """The rules of the query alone: the rest of the trigger may have faults."""
    written = mapping(document.get("trigger"))
    rules = {key: written[key] for key in ("query_parameters", "undeclared") if key in written}
    try:
        return Trigger.model_validate(rules, context=Reading())
    except ValidationError:
        return Trigger()


def _results(data: bytes) -> dict[str, Any]:
    try:
        given = json_exact.loads(data)
    except json_exact.JsonInvalid as error:
        raise AuthorError(
            f"the results given are no JSON: {error}", code="results_invalid"
        ) from error
    if not isinstance(given, dict):
        raise AuthorError("the results given are no object", code="results_invalid")
    return given


def _of_branch(branch: Any) -> list[Any]:
    written = mapping(branch)
    return items(written.get("steps") or written.get("otherwise"))


def _holds(steps: list[Any], target: str) -> bool:
    document = {"workflow": {"steps": steps}}
    return any(step.get("name") == target for _, step in all_steps(document))


def _of_item(view: View, step: dict[str, Any], item: tuple[Any, int]) -> View:
    value, index = item
    context = view.context | {"steps": dict(view.results), "item": value, "index": index}
    prefix = f"{view.prefix}{step.get('name')}/{index}/"
    return replace(view, context=context, prefix=prefix, last=None, missing=list(view.missing))
