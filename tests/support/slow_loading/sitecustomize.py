"""An engine whose parts are not loaded before a file is there, as on a very busy machine.

``LOADED_WHEN`` of the environment names the file.
"""

from __future__ import annotations

import importlib.abc
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

LONGEST_S = 120.0


class Slow(importlib.abc.MetaPathFinder):
    """Finds nothing, and takes its time with the engine."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        if name == "firesteel.node":
            until = time.monotonic() + LONGEST_S
            while not Path(os.environ["LOADED_WHEN"]).exists() and time.monotonic() < until:
                time.sleep(0.02)


sys.meta_path.insert(0, Slow())
