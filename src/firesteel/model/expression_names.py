"""The names that expressions may read at each place of a document, and those that they cannot.

A name that is not there is always undefined: an expression that reads one is mistaken for certain,
and would answer null without a word. What stands behind ``[...]`` or in a function's argument that
is worked out is not looked at: only what the text of a path says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from firesteel.model.fault import Pointer, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firesteel.model.findings import Findings

DATA_PROCESSING_NAMES: Final = (
    "method",
    "query",
    "headers",
    "body",
    "body_text",
    "body_base64",
    "body_error",
    "message",
)
STEP_NAMES: Final = ("input", "steps", "attempt", *DATA_PROCESSING_NAMES)
ITEM_NAMES: Final = ("item", "index", *STEP_NAMES)


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression reads of its context: the first name of each path, and the second one
    where it is a plain name, such as ``("steps", "price")``.
    """

    paths: tuple[tuple[str, ...], ...]


class ExpressionNames:
    """The names of one document: ``steps`` are its steps with their pointers, in order."""

    def __init__(self, steps: Iterable[tuple[Pointer, dict[str, Any]]]) -> None:
        self._steps = [(pointer, str(step.get("name"))) for pointer, step in steps]

    def check(self, pointer: Pointer, reads: Reads, findings: Findings) -> None:
        """Find what the expression at ``pointer`` reads and can never be there."""
        known = _known(pointer)
        for path in reads.paths:
            if path[0] not in known:
                detail = f"there is no {path[0]} here: it is always undefined"
                findings.fault(pointer, "name_unknown", detail, did_you_mean(path[0], known))
            elif path[0] == "steps" and len(path) > 1:
                self._step(path[1], pointer, findings)

    def _step(self, name: str, pointer: Pointer, findings: Findings) -> None:
        before = [step for _, step in self._steps[: self._place(pointer)]]
        if name in before:
            return
        if any(name == step for _, step in self._steps):
            detail = f"the step {name} has not run here yet: its result is always undefined"
            findings.fault(pointer, "step_unknown", detail, "steps see the results of those before")
            return
        detail = f"there is no step {name}: its result is always undefined"
        findings.fault(pointer, "step_unknown", detail, did_you_mean(name, before))

    def _place(self, pointer: Pointer) -> int:
        """The place, among all steps, of the innermost one that holds ``pointer``; their number for
        the response, which comes after all.
        """
        holding = [
            index for index, (step, _) in enumerate(self._steps) if pointer.startswith(f"{step}/")
        ]
        return holding[-1] if holding else len(self._steps)


def _known(pointer: Pointer) -> tuple[str, ...]:
    if pointer == "/data_processing":
        return DATA_PROCESSING_NAMES
    return ITEM_NAMES if "/for_each/steps/" in pointer else STEP_NAMES
