"""Planted defect: what is due, and how long a key is remembered, is told by the wall clock."""

from __future__ import annotations

import time

from firesteel.store.sql.clock import SteadyClock

SteadyClock.now_us = lambda self: time.time_ns() // 1000  # type: ignore[method-assign]
