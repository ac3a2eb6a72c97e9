"""Tries a project's Python in a process of its own, before workers are started with it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec

from firesteel.model.execution import InputFault
from firesteel.model.fault import Fault
from firesteel.worker.trial import MODULE

if TYPE_CHECKING:
    from firesteel.project import Project

TIMEOUT_S = 60.0


def try_functions(project: Project) -> list[Fault]:
    """Faults of the functions that the project's integrations name: not there, not importable."""
    documents = [file.result.loaded.document for file in project.integrations]
    try:
        done = subprocess.run(
            [sys.executable, "-m", MODULE, str(project.root)],
            input=json.dumps(documents).encode(),
            stdout=subprocess.PIPE,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [_of_project(project, f"importing the workflows took longer than {TIMEOUT_S:.0f} s")]
    if done.returncode:
        text = f"importing the workflows ended the process with exit code {done.returncode}"
        return [_of_project(project, text)]
    found = msgspec.json.decode(done.stdout, type=list[list[InputFault]])
    return [
        file.fault(item.pointer, item.code, item.detail)
        for file, items in zip(project.integrations, found, strict=True)
        for item in items
    ]


def _of_project(project: Project, text: str) -> Fault:
    return Fault(str(project.root / "workflows"), 1, 1, "", "function_invalid", text)
