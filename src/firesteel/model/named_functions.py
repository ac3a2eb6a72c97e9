"""The Python functions that an integration document names, as ``module:function``."""

from __future__ import annotations

from typing import Any

from firesteel.model.expressions import steps
from firesteel.model.fault import Pointer, child
from firesteel.model.findings import mapping

WORKFLOW: Pointer = "/workflow/python"


def named_functions(document: Any) -> list[tuple[Pointer, str]]:
    """Each reference with its pointer: the workflow's at ``WORKFLOW``, then those of steps."""
    document = mapping(document)
    named = [(WORKFLOW, mapping(document.get("workflow")).get("python"))]
    named += [(child(at, "python"), step.get("python")) for at, step in steps(document)]
    return [(at, name) for at, name in named if isinstance(name, str) and ":" in name]
