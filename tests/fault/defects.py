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
    return _path_of(folder)


def together(folder: Path, *sources: Path) -> tuple[str, str]:
    """The same for several modules ``sitecustomize``, each in its folder: an interpreter runs one,
    which is made in ``folder`` and runs all of them in order."""
    files = [str(source / "sitecustomize.py") for source in sources]
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "".join(f"exec(compile(open({file!r}).read(), {file!r}, 'exec'), {{}})\n" for file in files)
    )
    return _path_of(folder)


def _path_of(folder: Path) -> tuple[str, str]:
    before = os.environ.get("PYTHONPATH")
    return "PYTHONPATH", str(folder) + (os.pathsep + before if before else "")
