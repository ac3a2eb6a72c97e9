"""What is tried before it is published: on which ground, and what came of it.

A *preview* evaluates expressions and touches nothing; a *try* runs one step. Both stand on a
document, a message, and the results of the steps before.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from firesteel.model.execution import JournalEntry
from firesteel.model.message import Message

FunctionKind = Literal["workflow", "step", "function"]


class Ground(msgspec.Struct, frozen=True, array_like=True):
    """What a preview or a try stands on.

    ``document``: JSON of an integration, which may have faults elsewhere. ``journal``: of an
    execution of the message. ``results``: JSON of an object, results by the names of steps; they go
    before the journal's. ``index``: the item that stands for all within ``for_each``, from 0.
    """

    document: bytes
    message: Message
    journal: list[JournalEntry] = []
    results: bytes = b"{}"
    index: int = 0


class PlacedFault(msgspec.Struct, frozen=True, array_like=True):
    """What is wrong with an expression. ``pointer`` leads into what was given to be evaluated;
    ``line`` and ``column`` count from 1 within the expression there, None where not known."""

    pointer: str
    code: str
    detail: str
    line: int | None = None
    column: int | None = None


class Function(msgspec.Struct, frozen=True, array_like=True):
    """A Python function that documents may name. ``workflow`` and ``step``: it is marked so.

    ``input_schema``: JSON Schema of a workflow's input, or of the arguments of anything else; empty
    where the annotations say nothing.
    """

    reference: str
    kind: FunctionKind
    description: str
    takes_input: bool
    takes_message: bool
    input_schema: bytes


class ModuleFault(msgspec.Struct, frozen=True, array_like=True):
    """A module of the workflows folder that cannot be used; ``file`` is below that folder."""

    file: str
    detail: str
