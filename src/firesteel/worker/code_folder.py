"""Imports from the project's workflows folder: what runs is what stands in the files now.

Python trusts compiled code whose source had the same size and, in whole seconds, the same time. Two
saves within a second, or files that a tool gives one time, would let a worker run the code of
before. So modules of that folder are compiled anew in each worker, and nothing is written beside
them.
"""

from __future__ import annotations

import sys
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from typing import Any


class _AsItStands(SourceFileLoader):
    def path_stats(self, path: Any) -> Any:
        """Without them neither is compiled code read nor is it written: see ``get_code`` of
        https://docs.python.org/3/library/importlib.html#importlib.abc.SourceLoader."""
        raise OSError(f"{path} is compiled anew")


def use_folder(folder: Path) -> None:
    """Let modules of this folder, and packages in it, be imported by name."""
    folder = folder.absolute()
    find = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (_AsItStands, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )

    def find_here(path: str) -> Any:
        if not Path(path).is_relative_to(folder):
            raise ImportError(f"{path} is not of the project")
        return find(path)

    sys.path_hooks.insert(0, find_here)
    sys.path_importer_cache.pop(str(folder), None)
    sys.path.insert(0, str(folder))
