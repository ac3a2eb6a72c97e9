"""A disk that is as full as the test says, where none can be mounted: DISK_FREE names a file with
the bytes that are free."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

_usage = shutil.disk_usage


def _told(path: Any) -> Any:
    real = _usage(path)
    free = int(Path(os.environ["DISK_FREE"]).read_text())
    return real._replace(free=min(free, real.free))


shutil.disk_usage = _told
