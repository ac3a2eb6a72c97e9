"""Planted defects: a fault test that does not find them is worth nothing.

Each is a module ``sitecustomize`` that Python runs when a process of the node starts, so that the
product itself has no switches.
"""

from __future__ import annotations

import os
from pathlib import Path

PLANTED = Path(__file__).parent / "planted"


def planted(name: str) -> tuple[str, str]:
    """The environment variable with which a node has the defect."""
    folder = PLANTED / name
    assert (folder / "sitecustomize.py").is_file()
    before = os.environ.get("PYTHONPATH")
    return "PYTHONPATH", str(folder) + (os.pathsep + before if before else "")
