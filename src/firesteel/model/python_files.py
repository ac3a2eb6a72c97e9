"""Which files of a folder Python can import modules from."""

from __future__ import annotations

import os
from pathlib import Path


def python_files(folder: Path) -> list[Path]:
    """Its Python files, of packages behind symbolic links too; each folder once."""
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort(key=lambda name: (Path(place, name).is_symlink(), name))
        found += [Path(place, name) for name in names if name.endswith(".py")]
    return sorted(found)
