"""The steps of a document as a list that is shown, and acts on it: add, move, replace, remove.

All acts return a new document. Steps are named by their names, which are unique in a workflow; a
*list* is named by ``""`` (the workflow's own), ``loop`` (of the ``for_each`` of that name) or
``route/1`` (of the second branch of the ``choose`` of that name).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from firesteel.errors import CallerError
from firesteel.model.fault import Pointer, child
from firesteel.model.findings import items, mapping
from firesteel.model.steps import STEP_KINDS

SUMMARY_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: a step, or (``step`` None) the heading of a branch or the end of a list
    where one can be added. ``into``: the name of the list that it stands in, or is the head of."""

    depth: int
    pointer: Pointer
    into: str
    step: dict[str, Any] | None
    text: str
    first: bool = False
    last: bool = False

    @property
    def name(self) -> str:
        """Of the step."""
        return str(mapping(self.step).get("name", ""))

    @property
    def kind(self) -> str:
        """Of the step; "" where it has none yet."""
        return kind_of(mapping(self.step))


def kind_of(step: dict[str, Any]) -> str:
    """Which kind a step is; "" where it is none."""
    return next((kind for kind in STEP_KINDS if kind in step), "")


def lines(document: dict[str, Any]) -> list[Line]:
    """The whole list, steps within steps too, in order."""
    return list(_lines(_steps(document), "/workflow/steps", "", 0))


def names(document: dict[str, Any]) -> list[str]:
    """The names of all steps, in order."""
    return [line.name for line in lines(document) if line.step is not None]


def find(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The step of that name. Raises CallerError ``unknown_step``."""
    holder, index = _place(document, name)
    found: dict[str, Any] = holder[index]
    return found


def free_name(document: dict[str, Any], kind: str) -> str:
    """A name for a new step."""
    taken = set(names(document))
    number = 1
    while (name := kind if number == 1 else f"{kind}_{number}") in taken:
        number += 1
    return name


def added(document: dict[str, Any], step: dict[str, Any], into: str) -> dict[str, Any]:
    """With the step at the end of a list."""
    document = copy.deepcopy(document)
    _list(document, into).append(step)
    return document


def replaced(document: dict[str, Any], name: str, step: dict[str, Any]) -> dict[str, Any]:
    """With another step in the place of one."""
    document = copy.deepcopy(document)
    holder, index = _place(document, name)
    holder[index] = step
    return document


def moved(document: dict[str, Any], name: str, by: int) -> dict[str, Any]:
    """With the step further up (negative) or down in its list, as far as that goes."""
    document = copy.deepcopy(document)
    holder, index = _place(document, name)
    to = min(max(index + by, 0), len(holder) - 1)
    holder.insert(to, holder.pop(index))
    return document


def removed(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Without the step, and without what stands within it."""
    document = copy.deepcopy(document)
    holder, index = _place(document, name)
    del holder[index]
    return document


def branch_steps(branch: Any) -> list[Any]:
    """The steps of a branch, whichever form it has."""
    written = mapping(branch)
    return items(written.get("otherwise", written.get("steps")))


def _lines(steps: list[Any], at: Pointer, into: str, depth: int) -> Iterator[Line]:
    whole = [(index, step) for index, step in enumerate(steps) if isinstance(step, dict)]
    for order, (index, step) in enumerate(whole):
        pointer = child(at, index)
        first, last = order == 0, order == len(whole) - 1
        yield Line(depth, pointer, into, step, summary(step), first, last)
        name = str(step.get("name", ""))
        for number, branch in enumerate(items(step.get("choose"))):
            key = "otherwise" if "otherwise" in mapping(branch) else "steps"
            inside = f"{name}/{number}"
            below = child(pointer, "choose", number)
            yield Line(depth + 1, below, inside, None, _branch_text(branch))
            yield from _lines(branch_steps(branch), child(below, key), inside, depth + 2)
        if "for_each" in step:
            loop = mapping(step["for_each"])
            below = child(pointer, "for_each", "steps")
            yield Line(depth + 1, below, name, None, "For each item")
            yield from _lines(items(loop.get("steps")), below, name, depth + 2)


def _branch_text(branch: Any) -> str:
    when = mapping(branch).get("when")
    return "Otherwise" if when is None else f"When {when}"


def summary(step: dict[str, Any]) -> str:
    """What a step does, in a line."""
    kind = kind_of(step)
    said = _SAID[kind](step, mapping(step.get(kind))) if kind else "not complete yet"
    line = " ".join(said.split())
    return line if len(line) <= SUMMARY_CHARACTERS else line[: SUMMARY_CHARACTERS - 1] + "…"


def _sql(_step: dict[str, Any], body: dict[str, Any]) -> str:
    together = f"{len(items(body.get('transaction')))} statements in one transaction"
    return f"{body.get('connection', '?')}: {body.get('statement') or together}"


def _http(_step: dict[str, Any], body: dict[str, Any]) -> str:
    below = f"{body.get('connection', '?')} {body.get('path', '')}"
    return f"{body.get('method', 'GET')} {body.get('url') or below}"


_SAID: Final[dict[str, Callable[[dict[str, Any], dict[str, Any]], str]]] = {
    "sql": _sql,
    "http": _http,
    "map": lambda step, _: _text(step.get("map")),
    "python": lambda step, _: _text(step.get("python")),
    "choose": lambda step, _: _counted(len(items(step.get("choose"))), "branch", "branches"),
    "for_each": lambda _, body: _text(body.get("items")),
    "call": lambda _, body: _text(body.get("integration")),
    "fail": lambda _, body: _text(body.get("message")),
}


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _steps(document: dict[str, Any]) -> list[Any]:
    return items(mapping(document.get("workflow")).get("steps"))


def _place(document: dict[str, Any], name: str) -> tuple[list[Any], int]:
    found = _within(_steps(document), name)
    if found is None:
        raise CallerError(f"the workflow has no step {name}", code="unknown_step")
    return found


def _within(steps: list[Any], name: str) -> tuple[list[Any], int] | None:
    for index, step in enumerate(steps):
        written = mapping(step)
        if written.get("name") == name:
            return steps, index
        inner = [branch_steps(branch) for branch in items(written.get("choose"))]
        inner.append(items(mapping(written.get("for_each")).get("steps")))
        for inside in inner:
            found = _within(inside, name)
            if found is not None:
                return found
    return None


def _list(document: dict[str, Any], into: str) -> list[Any]:
    """The list of that name, made where it is not there yet."""
    if not into:
        workflow = document.setdefault("workflow", {})
        workflow.pop("python", None)
        found: list[Any] = workflow.setdefault("steps", [])
        return found
    name, _, branch = into.partition("/")
    step = find(document, name)
    if not branch:
        inner: list[Any] = step.setdefault("for_each", {}).setdefault("steps", [])
        return inner
    branches = items(step.get("choose"))
    if not branch.isdigit() or int(branch) >= len(branches):
        raise CallerError(f"{name} has no branch {branch}", code="unknown_step")
    written = branches[int(branch)]
    key = "otherwise" if "otherwise" in written else "steps"
    steps: list[Any] = written.setdefault(key, [])
    return steps
