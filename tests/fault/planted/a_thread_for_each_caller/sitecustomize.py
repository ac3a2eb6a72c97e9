"""Planted defect: whoever waits for a response has a thread."""

from __future__ import annotations

import threading
from typing import Any

from firesteel.engine.waiters import Waiters

add = Waiters.add


def _add(self: Any, *arguments: Any) -> bool:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    return add(self, *arguments)


Waiters.add = _add  # type: ignore[method-assign]
