"""Not a defect: retention's rounds wait for a file, and follow each other soon."""

from __future__ import annotations

import os
from typing import Any

from firesteel.engine import housekeeping
from firesteel.engine.housekeeping import Housekeeper

retention = Housekeeper._retention


async def _when_told(self: Any) -> None:
    if os.path.exists(os.environ["PURGE"]):  # noqa: ASYNC240, PTH110  # takes no time
        await retention(self)


housekeeping.RETENTION_S = 0.1  # type: ignore[misc]
Housekeeper._retention = _when_told  # type: ignore[method-assign]
