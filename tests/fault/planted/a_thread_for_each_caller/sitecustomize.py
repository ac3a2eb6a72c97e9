"""Planted defect: whoever waits for a response has a thread."""

from __future__ import annotations

import threading
from typing import Any

from firesteel.engine.engine import Engine

wait = Engine.wait


async def _wait(self: Any, acceptance: Any, timeout_s: float) -> Any:
    answered = threading.Event()
    threading.Thread(target=answered.wait, daemon=True).start()
    try:
        return await wait(self, acceptance, timeout_s)
    finally:
        answered.set()


Engine.wait = _wait  # type: ignore[method-assign]
